"""Writes a report as Markdown, with its charts as files beside it."""

from __future__ import annotations

import re
from urllib.parse import quote

from snn_mm.analysis.report.document import Block, Document, Figure, Table, TableCell, Text

FIGURES = "figures"
"""Folder of the charts, beside the page."""


def to_markdown(document: Document) -> str:
    """Render a report."""
    lines = [f"# {plain(document.title)}", "", plain(document.summary), ""]
    for section in document.sections:
        lines += [f"## {plain(section.title)}", ""]
        for block in section.blocks:
            lines += [*block_lines(block), ""]
    return "\n".join(lines)


def block_lines(block: Block) -> list[str]:
    """Render one block."""
    if isinstance(block, Text):
        return [plain(block.text)]
    return table_lines(block) if isinstance(block, Table) else figure_lines(block)


def table_lines(table: Table) -> list[str]:
    """Render a table below its caption."""
    heads = [plain(column) for column in table.columns]
    rows = [[cell_text(cell) for cell in row] for row in table.cells]
    ruled = [heads, ["---"] * len(heads), *rows]
    return [plain(table.caption), "", *(f"| {' | '.join(row)} |" for row in ruled)]


def cell_text(cell: TableCell) -> str:
    """Render a cell."""
    text = plain(cell.text)
    if cell.bold:
        text = f"**{text}**"
    if cell.href:
        text = f"[{text}]({quote(cell.href)})"
    return f"{text}<br>{plain(cell.detail)}" if cell.detail else text


def figure_lines(figure: Figure) -> list[str]:
    """Render links to the charts, and the legend."""
    charts = [f"![{plain(p.title)}]({FIGURES}/{p.name}.svg)" for p in figure.panels]
    legend = [f"- **{letter}** {plain(name)}" for letter, _, name in figure.legend]
    return [plain(figure.caption), "", *charts, "", *legend]


def plain(text: str) -> str:
    r"""Text that Markdown takes literally, wherever on a line it stands.

    No tag and no entity, no formula and no struck-out word, no heading and no list.

    Example:
        >>> print(plain("# <b> & a_b"))
        \# \<b\> \& a\_b
    """
    line = re.sub(r"\s*[\r\n]\s*", " ", text)
    escaped = re.sub(r"([\\`*_|<>\[\]&~$])", r"\\\1", line)
    return re.sub(r"^(\d*)([#+.)-])(?=[\s#.)+-]|$)", r"\1\\\2", escaped)
