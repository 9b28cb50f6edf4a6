"""The computational cost of a training (IEMF, "Details of evaluation metrics"); pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from snn_mm.errors import UserError

LEVELS = 5
"""L, the number of error thresholds in the paper."""

Errors = Mapping[int, float]
"""Error rate in [0, 1] by epoch, counted from 1."""

Final = Literal["lowest", "last"]
"""What "the lowest values of the final error rates" are: see `error_bounds`."""


class Bounds(NamedTuple):
    """The range of error rates that every training passes through."""

    upper: float
    lower: float


def error_bounds(curves: Sequence[Errors], final: Final = "lowest") -> Bounds:
    """The bounds between which thresholds lie.

    Upper: the minimum over the curves of their highest error. Lower: the maximum over the curves
    of their final one. The paper's "maximum of the lowest values of the final error rates" can be
    read in two ways: `lowest`, the lowest error of each curve, is the default, since it uses the
    whole range that all of them reach and no noise of a last epoch; `last` is the error of the last
    epoch. With either, every curve reaches every threshold.

    Args:
        curves: all trainings under comparison, of all methods and seeds.
        final: which error of a curve is its final one.

    Raises:
        UserError: no curve, an empty one, or there is no error that all of them reach.
    """
    if not curves or not all(curves):
        raise UserError("cost: needs an error curve of every training, with one epoch at least")
    upper = min(max(errors.values()) for errors in curves)
    lower = max(final_error(errors, final) for errors in curves)
    if upper < lower:
        raise UserError(
            f"cost: the error curves have no range in common: one never exceeds {upper:.4f}, "
            f"another ends at {lower:.4f}\ncompare methods that reach a similar accuracy"
        )
    return Bounds(upper, lower)


def final_error(errors: Errors, final: Final) -> float:
    """The lowest error of a curve, or that of its last epoch."""
    return min(errors.values()) if final == "lowest" else errors[max(errors)]


def error_thresholds(bounds: Bounds, levels: int = LEVELS) -> list[float]:
    """Error rates Err_l at uniform intervals from the upper bound to the lower, both included.

    Raises:
        UserError: fewer than two levels.
    """
    if levels < 2:
        raise UserError(f"cost: needs 2 thresholds at least, got {levels}")
    # linspace returns both ends to the bit; the curve that sets a bound must reach it.
    return [float(error) for error in np.linspace(bounds.upper, bounds.lower, levels)]


def first_epoch(errors: Errors, threshold: float) -> int | None:
    """Argmin(f(x) <= Err_l): the first epoch at or below an error rate; None if there is none."""
    return min((epoch for epoch, error in errors.items() if error <= threshold), default=None)


def training_cost(epochs: Sequence[int], epoch_complexity: float) -> float:
    """Cost = 1/L Σ_l Argmin(f(x) <= Err_l) · Ω_e.

    Source: He et al., "Incorporating brain-inspired mechanisms for multimodal learning in
    artificial intelligence", "Details of evaluation metrics" (1); after Zhang et al.,
    "Self-backpropagation of synaptic modifications elevates the efficiency of spiking and
    artificial neural networks", Science Advances 7 (2021).

    Args:
        epochs: first epoch at or below each of the L thresholds, counted from 1.
        epoch_complexity: Ω_e, operations an epoch; 1 gives the mean number of epochs.

    Returns:
        The cost, in the unit of `epoch_complexity`.

    Raises:
        ValueError: no threshold.
    """
    if not epochs:
        raise ValueError("a cost needs at least one threshold")
    return sum(epochs) / len(epochs) * epoch_complexity


def cost_reduction(cost: float, baseline: float) -> float:
    """Share of the baseline's cost that is saved: 0.5 is half of it, below 0 costs more."""
    return 1.0 - cost / baseline
