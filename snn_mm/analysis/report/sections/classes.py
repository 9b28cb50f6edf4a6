"""Which classes are told from which: confusion matrices and scores by class, over all runs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from snn_mm.analysis.report.charts import WIDTH, opening
from snn_mm.analysis.report.document import Block, Figure, Panel, Section, Table, TableCell
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.run_files import Run, as_dict, is_number
from snn_mm.analysis.report.sections.rows import method_cell
from snn_mm.analysis.report.wording import NOTHING
from snn_mm.contracts import FUSED
from snn_mm.metrics.class_scores import balanced_accuracy, class_scores, macro_f1

DRAWN = 30
"""Classes up to which a matrix is drawn."""
NUMBERED = 12
"""Classes up to which its cells have numbers."""
LEFT, TOP, LONGEST = 96.0, 8.0, 14
"""Room for the names of the classes, and characters that are shown of one."""


class Confusion(NamedTuple):
    """Test samples of class i that were taken for class j, of some runs together.

    Attributes:
        names: of the K classes.
        matrix: counts `[K][K]`.
        runs: how many runs were added.
    """

    names: list[str]
    matrix: list[list[int]]
    runs: int


def class_section(comparison: Comparison) -> Section | None:
    """Confusion matrices and scores by class; None where no counted run has any."""
    found = [
        (group, pooled)
        for dataset in comparison.datasets
        for group in comparison.ordered(dataset)
        if (pooled := pooled_confusion(group.counted))
    ]
    if not found:
        return None
    blocks: list[Block] = []
    if drawn := [(g, c) for g, c in found if len(c.names) <= DRAWN]:
        caption = (
            "Confusion of the fused prediction on the test set, runs (seeds, folds) added up: rows "
            "are the classes, columns what they were taken for, numbers percent of the row."
        )
        panels = [panel(comparison, group, confusion) for group, confusion in drawn]
        blocks.append(Figure(caption, panels, []))
    rows = [row for group, confusion in found for row in class_rows(comparison, group, confusion)]
    caption = (
        "Each class, of the fused prediction on the test set, runs added up, in percent; below "
        "them the means over classes: balanced accuracy under recall, macro F1 under F1."
    )
    columns = ["Method", "Data set", "Class", "Samples", "Precision", "Recall", "F1", "Taken for"]
    table = Table("classes", caption, columns, rows, latex=False, folded=True)
    return Section("Classes", [*blocks, table])


def pooled_confusion(runs: Sequence[Run], head: str = FUSED) -> Confusion | None:
    """The confusion of runs that know the same classes, added up; None where none has one."""
    known = [found for run in runs if (found := confusion_of(run, head))]
    if not known or any(names != known[0][0] for names, _ in known):
        return None
    matrices = [matrix for _, matrix in known]
    summed = [[sum(cells) for cells in zip(*rows)] for rows in zip(*matrices)]
    return Confusion(known[0][0], summed, len(known))


def confusion_of(run: Run, head: str) -> tuple[list[str], list[list[int]]] | None:
    """Names of the classes and the matrix of a run, as far as `results.json` has both whole."""
    classes = as_dict(run.results.get("classes"))
    names: Any = classes.get("names")
    matrix: Any = as_dict(classes.get("confusion")).get(head)
    if not isinstance(names, list) or not is_square(matrix, len(names)):
        return None
    return [str(name) for name in names], matrix


def is_square(matrix: Any, size: int) -> bool:
    """Whether a value is a matrix of counts `[size][size]`."""
    rows = matrix if isinstance(matrix, list) and len(matrix) == size else [None]
    return all(
        isinstance(row, list) and len(row) == size and all(map(is_number, row)) for row in rows
    )


def class_rows(
    comparison: Comparison, group: Group, confusion: Confusion
) -> list[list[TableCell | str]]:
    """A row for each class, and one of the means."""
    head: list[TableCell | str] = [method_cell(comparison, group.method), group.dataset]
    rows = []
    for k, (name, score) in enumerate(zip(confusion.names, class_scores(confusion.matrix))):
        shares = map(percent, (score.precision, score.recall, score.f1))
        rows.append([*head, name, str(score.samples), *shares, mistaken(confusion, k)])
    total = str(sum(map(sum, confusion.matrix)))
    means = percent(balanced_accuracy(confusion.matrix)), percent(macro_f1(confusion.matrix))
    cells = (TableCell(text, bold=True) for text in ("all", total, NOTHING, *means, NOTHING))
    return [*rows, [*head, *cells]]


def mistaken(confusion: Confusion, k: int) -> str:
    """What samples of a class were most often taken for, and how many."""
    others = [(count, j) for j, count in enumerate(confusion.matrix[k]) if j != k and count]
    if not others:
        return NOTHING
    count, j = max(others, key=lambda other: (other[0], -other[1]))
    return f"{confusion.names[j]} ({count})"


def percent(share: float | None) -> str:
    """A share in percent."""
    return NOTHING if share is None else f"{100 * share:.1f}"


def panel(comparison: Comparison, group: Group, confusion: Confusion) -> Panel:
    """The matrix of one method on one data set."""
    letter, place = comparison.key(group.method), comparison.datasets.index(group.dataset)
    name = f"confusion-{letter.lower()}-{place}"
    runs = f"{confusion.runs} run{'s' * (confusion.runs > 1)}"
    title = f"{letter} on {group.dataset}, {runs}"
    return Panel(name, title, confusion_chart(name, title, confusion))


def confusion_chart(name: str, title: str, confusion: Confusion) -> str:
    """Draw a matrix: the darker a cell, the larger its share of the row.

    Args:
        name: unique in the page.
        title: for those who cannot see it.
        confusion: counts.
    """
    side = min(36.0, (WIDTH - LEFT - 8) / len(confusion.names))
    bottom = TOP + side * len(confusion.names)
    recalls = [percent(score.recall) for score in class_scores(confusion.matrix)]
    described = " ".join(f"{n}: {r} %." for n, r in zip(confusion.names, recalls))
    parts = opening(name, title, described, bottom + LEFT)
    for k, row in enumerate(confusion.matrix):
        y = TOP + side * k
        label = escape(short(confusion.names[k]))
        parts.append(text(LEFT - 6, y + side / 2 + 4, label, 'text-anchor="end"'))
        x = LEFT + side * (k + 0.5) + 4
        turned = f'text-anchor="end" transform="rotate(-90 {x:.1f} {bottom + 6:.1f})"'
        parts.append(text(x, bottom + 6, label, turned))
        total = sum(row)
        for j, count in enumerate(row):
            share = count / total if total else 0.0
            parts += matrix_cell(LEFT + side * j, y, side, share, len(row) <= NUMBERED)
    return "\n".join([*parts, "</svg>"])


def matrix_cell(x: float, y: float, side: float, share: float, numbered: bool) -> list[str]:
    """A square, and the percent it stands for unless that is 0."""
    square = (
        f'<rect class="cell c0" x="{x + 0.5:.1f}" y="{y + 0.5:.1f}" width="{side - 1:.1f}" '
        f'height="{side - 1:.1f}" fill-opacity="{0.06 + 0.94 * share:.3f}"/>'
    )
    if not numbered or round(100 * share) == 0:
        return [square]
    kind = 'class="on" text-anchor="middle"' if share > 0.5 else 'text-anchor="middle"'
    return [square, text(x + side / 2, y + side / 2 + 4, f"{100 * share:.0f}", kind)]


def text(x: float, y: float, words: str, options: str) -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" {options}>{words}</text>'


def short(name: str) -> str:
    """As much of a name as there is room for."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
