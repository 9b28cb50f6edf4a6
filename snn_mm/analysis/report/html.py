"""Writes a report as one HTML page that needs nothing but itself: no script, no other host."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from urllib.parse import quote

from snn_mm.analysis.report.charts import COLOURS, STYLE
from snn_mm.analysis.report.document import Block, Document, Figure, Table, TableCell, Text

PAGE_STYLE = Path(__file__).with_name("page.css")
MANY_COLUMNS = 2
"""A table with more columns becomes a list of cards on a phone."""
SHORT = 24
"""Characters that a cell keeps on one line: a mean does not leave its deviation."""

FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{summary}</p>
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{body}
</main>
</body>
</html>
"""


def to_html(document: Document) -> str:
    """Render a report."""
    titles = [section.title for section in document.sections]
    sections = [
        f'<section id="{slug(section.title)}">\n<h2>{escape(section.title)}</h2>\n'
        + "\n".join(map(block_html, section.blocks))
        + "\n</section>"
        for section in document.sections
    ]
    return FRAME.format(
        title=escape(document.title),
        summary=escape(document.summary),
        style="".join(file.read_text(encoding="utf-8") for file in (PAGE_STYLE, STYLE)),
        links=" ".join(f'<a href="#{slug(title)}">{escape(title)}</a>' for title in titles),
        body="\n".join(sections),
    )


def block_html(block: Block) -> str:
    """Render one block."""
    if isinstance(block, Text):
        return f"<p>{escape(block.text)}</p>"
    return table_html(block) if isinstance(block, Table) else figure_html(block)


def table_html(table: Table) -> str:
    """Render a table."""
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    kind = ' class="cards"' if len(table.columns) > MANY_COLUMNS else ""
    rows = [
        "<tr>" + "".join(cell_html(c, i, table.columns[i]) for i, c in enumerate(row)) + "</tr>"
        for row in table.cells
    ]
    caption = escape(table.caption)
    shown = ["<figure>", f"<figcaption>{caption}</figcaption>"], ["</figure>"]
    folded = ["<details>", f"<summary>{caption}</summary>"], ["</details>"]
    opening, closing = folded if table.folded else shown
    return "\n".join(
        [
            *opening,
            f'<div class="wide"><table{kind}>',
            f"<thead><tr>{heads}</tr></thead>",
            "<tbody>",
            *rows,
            "</tbody></table></div>",
            *closing,
        ]
    )


def cell_html(cell: TableCell, column: int, head: str) -> str:
    """Render a cell; the first of a row is its head."""
    text = escape(cell.text)
    if cell.bold:
        text = f"<strong>{text}</strong>"
    if cell.href:
        text = f'<a href="{escape(quote(cell.href))}">{text}</a>'
    if cell.detail:
        text += f"<small>{escape(cell.detail)}</small>"
    if column == 0:
        return f'<th scope="row">{text}</th>'
    kind = ' class="short"' if len(cell.text) <= SHORT else ""
    return f'<td{kind} data-head="{escape(head)}">{text}</td>' if text else "<td></td>"


def figure_html(figure: Figure) -> str:
    """Render charts with their legend."""
    panels = [f"<div><h3>{escape(p.title)}</h3>\n{p.svg}\n</div>" for p in figure.panels]
    legend = [
        f'<li class="c{colour % COLOURS}"><b>{escape(letter)}</b>{escape(name)}</li>'
        for letter, colour, name in figure.legend
    ]
    return "\n".join(
        [
            "<figure>",
            f"<figcaption>{escape(figure.caption)}</figcaption>",
            '<div class="panels">',
            *panels,
            "</div>",
            f'<ul class="legend">{"".join(legend)}</ul>',
            "</figure>",
        ]
    )


def slug(text: str) -> str:
    """A name that can stand in a link."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
