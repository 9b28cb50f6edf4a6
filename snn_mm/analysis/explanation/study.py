"""Deletion and insertion over the samples of runs, beside a random order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import torch
from lightning import LightningDataModule
from matplotlib.figure import Figure
from torch import Tensor

from snn_mm.analysis.explanation.asked import Asked, take_samples
from snn_mm.analysis.explanation.attribution import integrated_gradients
from snn_mm.analysis.explanation.deletion import SHARES, Curves, area, curves, random_importance
from snn_mm.analysis.report.document import Table, TableCell
from snn_mm.analysis.sentiment.clip_loading import Part
from snn_mm.figures.style import COLOURS, STYLE, panels

ORDERS = ("integrated gradients", "random")


class Checked(NamedTuple):
    """The curves of a run.

    Attributes:
        curves: mean over the samples `[S]` of each of `ORDERS`.
        samples: how many.
        error: mean of the absolute completeness error, over the mean absolute change.
    """

    curves: dict[str, Curves]
    samples: int
    error: float

    def area(self, kind: str, order: str) -> float:
        """Area under the mean curve of `deletion` or `insertion`."""
        curve: Tensor = getattr(self.curves[order], kind)
        return float(area(curve.unsqueeze(-1)))

    @property
    def wins(self) -> tuple[bool, bool]:
        """Whether deletion falls below that of a random order, and insertion rises above it."""
        lower = self.area("deletion", ORDERS[0]) < self.area("deletion", ORDERS[1])
        higher = self.area("insertion", ORDERS[0]) > self.area("insertion", ORDERS[1])
        return lower, higher


def check_explanations(
    module: Any, data: LightningDataModule, samples: int, part: Part, seed: int
) -> Checked:
    """Draw the curves of a run.

    Args:
        module: in evaluation mode.
        data: set up for the part.
        samples: how many of its first samples.
        part: of the data.
        seed: of the random order.
    """
    found: dict[str, list[Curves]] = {order: [] for order in ORDERS}
    errors, changes = [], []
    for number, batch in enumerate(take_samples(data, samples, part)):
        asked = Asked(module, batch)
        classes = asked.predicted()
        attribution = integrated_gradients(asked, classes)
        chance = random_importance(attribution.values, seed * 10_000 + number)
        important = _towards(attribution.values, asked, classes)
        for order, importance in zip(ORDERS, (important, chance), strict=True):
            found[order].append(curves(asked, importance, classes))
        errors.append(attribution.error.abs())
        changes.append(attribution.change.abs())
    every = {order: _joined(each) for order, each in found.items()}
    count = every[ORDERS[0]].deletion.shape[1]
    means = {k: Curves(c.deletion.mean(dim=1), c.insertion.mean(dim=1)) for k, c in every.items()}
    change = float(torch.cat(changes).mean())
    error = float(torch.cat(errors).mean()) / change if change else float("nan")
    return Checked(means, count, error)


def checked_table(found: Mapping[str, Checked]) -> Table:
    """Areas under the curves of each run, in bold where the explanation beats a random order."""
    rows: list[list[TableCell | str]] = []
    for run, checked in found.items():
        cells: list[TableCell | str] = [run, f"{checked.samples}"]
        for kind, wins in zip(("deletion", "insertion"), checked.wins, strict=True):
            own, chance = (checked.area(kind, order) for order in ORDERS)
            cells += [TableCell(f"{own:.4f}", bold=wins), f"{chance:.4f}"]
        rows.append([*cells, f"{checked.error:.1%}"])
    caption = (
        f"{verdict(found)} Areas under the curves of the prediction as ever more elements of each "
        "input become 0 (deletion, lower is better) or come in (insertion, higher is better), by "
        "integrated gradients and in a random order. Error: mean |completeness error| over the "
        "mean |change| from zeros."
    )
    heads = ["Run", "Samples", "Deletion", "random", "Insertion", "random", "Error"]
    return Table("explanations", caption, heads, rows)


def verdict(found: Mapping[str, Checked]) -> str:
    """In how many runs the explanation beats a random order."""
    wins = [checked.wins for checked in found.values()]
    deletion, insertion = (sum(each) for each in zip(*wins))
    return (
        f"Deletion beats a random order in {deletion} of {len(wins)} runs, "
        f"insertion in {insertion} of {len(wins)}."
    )


@mpl.rc_context(STYLE)
def draw_checked(found: Mapping[str, Checked]) -> Figure:
    """Deletion and insertion curves of all runs, explained and in a random order."""
    figure, (line,) = panels(1, 2, 2.6)
    for panel, kind in zip(line, ("deletion", "insertion")):
        for checked in found.values():
            for order, colour in zip(ORDERS, COLOURS):
                values = getattr(checked.curves[order], kind).tolist()
                panel.plot(SHARES, values, color=colour, alpha=0.7, label=order)
        panel.set(title=kind, xlabel="share of each input")
    line[0].set_ylabel("prediction")
    handles = line[0].get_lines()[: len(ORDERS)]
    line[0].legend(handles, ORDERS)
    return figure


def _towards(values: dict[str, Tensor], asked: Asked, classes: Tensor | None) -> dict[str, Tensor]:
    """Attributions in favour of what is said: those of a negative score are turned round."""
    if classes is not None:
        return values
    with torch.no_grad():
        sign = asked.fused().sign()
    return {n: x * sign.view(-1, *(1 for _ in x.shape[1:])) for n, x in values.items()}


def _joined(parts: Sequence[Curves]) -> Curves:
    """Curves of all batches as one `[S, N]`."""
    return Curves(*(torch.cat(each, dim=1) for each in zip(*parts)))
