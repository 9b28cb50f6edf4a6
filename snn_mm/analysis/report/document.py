"""What a report consists of, before it becomes HTML, Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TableCell:
    """One cell of a table.

    Attributes:
        text: what it says.
        bold: whether it stands out, as the best of its column.
        detail: a smaller second line.
        href: where it leads, relative to the report.
    """

    text: str
    bold: bool = False
    detail: str = ""
    href: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first column names the rows.

    Attributes:
        name: short name, the LaTeX label.
        caption: what it shows.
        columns: heads.
        rows: cells, or plain texts.
        latex: whether it belongs in `tables.tex`.
        folded: whether a reader has to open it, because it is long.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[TableCell | str]]
    latex: bool = True
    folded: bool = False

    @property
    def cells(self) -> list[list[TableCell]]:
        """The rows, with plain texts made cells."""
        return [[TableCell(c) if isinstance(c, str) else c for c in row] for row in self.rows]


@dataclass(frozen=True)
class Panel:
    """One chart: a file name without suffix, a title and the SVG."""

    name: str
    title: str
    svg: str


@dataclass(frozen=True)
class Figure:
    """Charts that share a legend.

    Attributes:
        caption: what they show.
        panels: the charts.
        legend: (letter, index of colour, name) of each method.
    """

    caption: str
    panels: Sequence[Panel]
    legend: Sequence[tuple[str, int, str]]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


Block = Table | Figure | Text


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """A report."""

    title: str
    summary: str
    sections: list[Section]

    @property
    def blocks(self) -> list[Block]:
        """All blocks, in order."""
        return [block for section in self.sections for block in section.blocks]
