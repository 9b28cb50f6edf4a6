"""Tables of what a network takes each class for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snn_mm.analysis.classes.study import Classified, Plane
from snn_mm.analysis.report.document import Table
from snn_mm.contracts import FUSED


def recall_table(found: Classified, counts: Mapping[str, Tensor]) -> Table:
    """Share of each class that every output sorts right, and what the fusion takes it for else."""
    rows = [
        [
            name,
            str(int(counts[FUSED][place].sum())),
            *_recalls(counts, place),
            _rival(found, counts, place),
        ]
        for place, name in enumerate(found.names)
    ]
    overall = [
        f"{100 * found.accuracy(output):.1f}" if counts[output].sum() else "—" for output in counts
    ]
    rows.append(["all", str(len(found.target)), *overall, ""])
    heads = ["Class", "Samples", *(f"{output}, %" for output in counts), "Taken for (fused)"]
    return Table("classes", "Share of each class that is sorted right", heads, rows)


def confusion_table(found: Classified, counts: Mapping[str, Tensor]) -> Table:
    """How often each class is taken for each, a line for each output and class."""
    rows = [
        [output, name, *map(str, line.tolist())]
        for output, matrix in counts.items()
        for name, line in zip(found.names, matrix, strict=True)
    ]
    return Table("confusion", "Confusion", ["Output", "Class", *found.names], rows, folded=True)


def layout_table(
    found: Classified, points: NDArray[np.int64], placed: Mapping[str, Plane | None]
) -> Table:
    """Where t-SNE puts each of the chosen samples; empty where there is no layout."""
    heads = ["id", "class", *chain.from_iterable((f"{n}_x", f"{n}_y") for n in placed)]
    classes = found.target[points].tolist()
    rows = [
        [found.ids[point], found.names[label], *_places(placed, line)]
        for line, (point, label) in enumerate(zip(points.tolist(), classes, strict=True))
    ]
    return Table("tsne", "t-SNE", heads, rows, folded=True)


def _recalls(counts: Mapping[str, Tensor], place: int) -> Iterator[str]:
    """Percent of one class that is right, by output; a dash without a sample."""
    for matrix in counts.values():
        samples = int(matrix[place].sum())
        yield f"{100 * int(matrix[place, place]) / samples:.1f}" if samples else "—"


def _rival(found: Classified, counts: Mapping[str, Tensor], place: int) -> str:
    """The class that the fusion takes one for most often, and how often."""
    wrong = counts[FUSED][place].clone()
    wrong[place] = 0
    rival = int(wrong.argmax())
    return f"{found.names[rival]} ({int(wrong[rival])})" if wrong[rival] else ""


def _places(placed: Mapping[str, Plane | None], line: int) -> Iterator[str]:
    for layout in placed.values():
        place = () if layout is None or np.isnan(layout[line]).any() else layout[line]
        yield from [f"{value:.3f}" for value in place] or ("", "")
