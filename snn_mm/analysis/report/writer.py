"""Puts a report together and writes its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from snn_mm.analysis.report.charts import standalone
from snn_mm.analysis.report.document import Document, Figure
from snn_mm.analysis.report.html import to_html
from snn_mm.analysis.report.latex import to_latex
from snn_mm.analysis.report.markdown import FIGURES, to_markdown
from snn_mm.analysis.report.sections.classes import class_section
from snn_mm.analysis.report.sections.contribution import contribution_section
from snn_mm.analysis.report.sections.cost import cost_section, energy_section
from snn_mm.analysis.report.sections.provenance import (
    count_statuses,
    difference_section,
    runs_section,
)
from snn_mm.analysis.report.sections.results import Results, results_section
from snn_mm.analysis.report.sections.trends import (
    factor_section,
    firing_section,
    learning_section,
)
from snn_mm.errors import UserError
from snn_mm.run.directory import write_text

FORMATS: dict[str, tuple[str, Callable[[Document], str]]] = {
    "md": ("report.md", to_markdown),
    "html": ("report.html", to_html),
    "latex": ("tables.tex", to_latex),
}
"""Forms of the report: the file of each, and what makes its text."""


def build_document(results: Results, output: Path, date: str) -> Document:
    """The whole report.

    Args:
        results: the runs and how they are compared.
        output: folder of the report, which links to runs are relative to.
        date: when it is made, as it shall be printed.
    """
    comparison, metric = results.comparison, results.metric
    classes = class_section(comparison)
    sections = [
        results_section(results),
        *([classes] if classes else []),
        difference_section(comparison),
        learning_section(comparison, metric),
        factor_section(comparison, metric),
        contribution_section(comparison, metric),
        firing_section(comparison, metric),
        energy_section(comparison, metric),
        cost_section(comparison),
        runs_section(comparison, metric, output),
    ]
    return Document("Report of runs", f"{date} · {count_statuses(comparison)}", sections)


def write_report(document: Document, output: Path, formats: Sequence[str]) -> list[Path]:
    """Write a report in some formats, and the charts that Markdown needs.

    Returns:
        The pages written.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        if "md" in formats:
            write_figures(document, output / FIGURES)
        pages = []
        for file, render in map(FORMATS.__getitem__, formats):
            pages.append(output / file)
            write_text(pages[-1], render(document))
    except OSError as error:
        raise UserError(f"--output {output}: {error.strerror}") from error
    return pages


def write_figures(document: Document, folder: Path) -> None:
    """Write each chart as a file of its own."""
    folder.mkdir(exist_ok=True)
    for block in document.blocks:
        for panel in block.panels if isinstance(block, Figure) else ():
            file = folder / f"{panel.name}.svg"
            write_text(file, standalone(panel.svg))
