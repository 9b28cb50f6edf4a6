"""What each method's training costs at equal errors, from the curves of finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from snn_mm.analysis.cost.metric import (
    LEVELS,
    Errors,
    Final,
    cost_reduction,
    error_bounds,
    error_thresholds,
    first_epoch,
    training_cost,
)
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Group, drawn
from snn_mm.analysis.report.run_files import Run
from snn_mm.analysis.report.statistics import paired_test, summarise
from snn_mm.analysis.report.wording import NOTHING, mean_text, signed
from snn_mm.analysis.variants import Variant, vanilla_partner
from snn_mm.errors import UserError

PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
EPOCHS = "epochs"
"""Unit of a cost with Ω_e = 1."""


class MethodCost(NamedTuple):
    """One row.

    Attributes:
        variant: the method.
        complexity: Ω_e.
        epochs: first epoch at each threshold, by seed.
        costs: by seed.
    """

    variant: Variant
    complexity: float
    epochs: Mapping[str, Sequence[int]]
    costs: Mapping[str, float]

    @property
    def mean(self) -> float:
        """The cost, a mean over seeds."""
        return sum(self.costs.values()) / len(self.costs)


class CostComparison(NamedTuple):
    """All methods at equal thresholds; `unit` is that of Ω_e."""

    thresholds: Sequence[float]
    rows: Sequence[MethodCost]
    unit: str

    def partner(self, row: MethodCost) -> MethodCost | None:
        """The row of the vanilla method of the same family."""
        vanilla = vanilla_partner(row.variant, [other.variant for other in self.rows])
        return next((other for other in self.rows if other.variant is vanilla), None)

    def reduction(self, row: MethodCost) -> float | None:
        """Share of its vanilla partner's cost that a method saves."""
        partner = self.partner(row)
        return None if partner is None else cost_reduction(row.mean, partner.mean)


def compare_costs(
    variants: Sequence[Variant],
    complexity: Sequence[float],
    metric: str,
    final: Final = "lowest",
    levels: int = LEVELS,
    unit: str = "FLOPs",
) -> CostComparison:
    """The cost of each method, by seed.

    The thresholds are those of all curves of all methods and seeds together, so that they are the
    same for every one of them.

    Args:
        variants: the methods.
        complexity: Ω_e of each.
        metric: an accuracy that was logged every epoch; the error is one minus it.
        final: which error of a curve is its final one.
        levels: number of thresholds.
        unit: unit of `complexity`.

    Raises:
        UserError: a run logged no such metric, or the curves have no error in common.
    """
    curves = [error_curves(variant.group, metric) for variant in variants]
    every = [errors for by_seed in curves for errors in by_seed.values()]
    thresholds = error_thresholds(error_bounds(every, final), levels)
    rows = []
    for variant, by_seed, operations in zip(variants, curves, complexity):
        epochs = {seed: epochs_to(errors, thresholds) for seed, errors in by_seed.items()}
        costs = {seed: training_cost(reached, operations) for seed, reached in epochs.items()}
        rows.append(MethodCost(variant, operations, epochs, costs))
    return CostComparison(thresholds, rows, unit)


def error_curves(group: Group, metric: str) -> dict[str, Errors]:
    """Error by epoch, counted from 1, of each seed of a group."""
    return {drawn(run): error_curve(run, metric) for run in group.counted}


def error_curve(run: Run, metric: str) -> Errors:
    """Error by epoch, counted from 1, of one run.

    Raises:
        UserError: it logged no such metric.
    """
    if metric not in run.logged:
        known = ", ".join(name for name in run.logged if "accuracy" in name) or "no accuracy"
        raise UserError(f"{run.path}: metrics.csv has no {metric}\nit has {known}")
    return {epoch: 1.0 - value for epoch, value in run.logged[metric].items()}


def epochs_to(errors: Errors, thresholds: Sequence[float]) -> list[int]:
    """The first epoch at or below each threshold.

    Raises:
        UserError: one is never reached, which thresholds within `error_bounds` exclude.
    """
    reached = []
    for threshold in thresholds:
        epoch = first_epoch(errors, threshold)
        if epoch is None:
            raise UserError(f"cost: an error rate of {threshold:.4f} is never reached")
        reached.append(epoch)
    return reached


def cost_table(comparison: CostComparison) -> Table:
    """Methods by thresholds, complexity, cost and what is saved."""
    scale, unit = scaled_unit([row.mean for row in comparison.rows], comparison.unit)
    heads = [f"err ≤ {threshold:.3f}" for threshold in comparison.thresholds]
    rows = [
        [
            row.variant.family,
            row.variant.title,
            *(mean_text(summarise(reached), 1.0, 1, size=False) for reached in _columns(row)),
            f"{row.complexity / scale:.4g}",
            mean_text(summarise(list(row.costs.values())), 1 / scale),
            reduction_text(comparison, row),
        ]
        for row in comparison.rows
    ]
    caption = (
        "First epoch (counted from 1) at or below each error rate, operations of an epoch Ω, and "
        f"cost = mean epoch × Ω, in {unit}: mean ± standard deviation over seeds (number of "
        "seeds). Reduction: against the vanilla method of the same family; p is of the exact "
        "paired test over shared seeds."
    )
    columns = ["Family", "Variant", *heads, f"Ω, {unit}", f"Cost, {unit}", "Reduction, %"]
    return Table("cost", caption, columns, rows)


def reduction_text(comparison: CostComparison, row: MethodCost) -> str:
    """What is saved, in percent, with p where both methods ran on two seeds or more."""
    partner, reduction = comparison.partner(row), comparison.reduction(row)
    if partner is None or reduction is None:
        return NOTHING
    seeds = [seed for seed in row.costs if seed in partner.costs]
    test = paired_test([row.costs[s] for s in seeds], [partner.costs[s] for s in seeds])
    p = f" (p = {test.p:.3g})" if test is not None and test.pairs > 1 else ""
    return signed(100 * reduction, 1) + p


def scaled_unit(values: Sequence[float], unit: str) -> tuple[float, str]:
    """A divisor and a unit that make the largest value readable: `(1e9, "GFLOPs")`."""
    largest = max(values)
    found = ((divisor, sign) for divisor, sign in PREFIXES if largest >= divisor)
    divisor, sign = next(found, (1.0, "")) if unit != EPOCHS else (1.0, "")
    return divisor, f"{sign}{unit}"


def _columns(row: MethodCost) -> list[list[int]]:
    """The epochs of all seeds, by threshold."""
    return [list(column) for column in zip(*row.epochs.values())]
