"""What an analysis found, and how it is printed and written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.markdown import table_lines
from snn_mm.commands.listing import aligned
from snn_mm.run.directory import write_text
from snn_mm.run.links import check_links, refuse_link

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Findings:
    """What an analysis found.

    Attributes:
        folder: where it is written if nobody says so; None if it is only printed then.
        tables: printed, and written as Markdown and CSV; a folded one, because it is long, as CSV
            alone. The first goes by the kind's name, to which the others add their own.
        figures: by the names of their files, without suffix.
        pages: texts by the names of their files.
        last: a line that is printed in the end.
        code: the exit code.
    """

    folder: Path | None
    tables: Sequence[Table] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    last: str = ""
    code: int = 0

    def write(self, kind: str, asked: Path | None) -> int:
        """Print and write everything; print which files were written.

        Args:
            kind: of the analysis.
            asked: the folder that was asked for.

        Returns:
            The exit code.
        """
        for table in self.tables:
            if not table.folded:
                print_rows(text_rows(table))
                print()
        folder = asked or self.folder
        if folder is not None:
            if asked is None:
                refuse_link(folder)
            check_links(folder)
            folder.mkdir(parents=True, exist_ok=True)
            for file in self._write_all(folder, kind):
                print(folder / file)
        if self.last:
            print(self.last)
        return self.code

    def _write_all(self, folder: Path, kind: str) -> Iterable[str]:
        """Write the files; `name.{md,csv}` stands for those that have one name."""
        kinds: dict[str, list[str]] = {kind: ["md"]} if self.tables else {}
        for table in self.tables:
            stem = kind if table is self.tables[0] else f"{kind}_{table.name}"
            write_text(folder / f"{stem}.csv", to_csv(text_rows(table)))
            kinds.setdefault(stem, []).append("csv")
        if self.tables:
            pages = ["\n".join(table_lines(t)) for t in self.tables if not t.folded]
            write_text(folder / f"{kind}.md", "\n\n".join(pages) + "\n")
        for name, figure in self.figures.items():
            from snn_mm.figures.style import save_figure

            save_figure(figure, folder / f"{name}.png")
            kinds.setdefault(name, []).append("png")
        for name, text in self.pages.items():
            write_text(folder / name, text)
        ends = {name: f"{{{','.join(k)}}}" if len(k) > 1 else k[0] for name, k in kinds.items()}
        return [*(f"{name}.{end}" for name, end in ends.items()), *self.pages]


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of texts in columns."""
    print("\n".join(aligned([tuple(row) for row in rows])))


def text_rows(table: Table) -> list[list[str]]:
    """Heads and cells as plain texts."""
    return [list(table.columns), *([cell.text for cell in row] for row in table.cells)]


def to_csv(rows: Iterable[Sequence[str]]) -> str:
    """Rows of texts as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
