"""How sentiment scores are rated: pure functions, the rules of MMSA.

Predicted scores are compared with annotated ones after both became classes. The rules are those of
`utils/metricsTop.py` of thuiar/MMSA, which most published tables of CH-SIMS, MOSI and MOSEI follow,
with two differences: values are fractions that are not rounded (MMSA rounds to four digits and
prints percent), and what has no value, such as the correlation of a constant, is NaN and no crash.

Classes are made in float32, as there: 0.1 in float32 is not above the edge 0.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_f1_score

from snn_mm.errors import UserError, check_choice

Protocol = Literal["sims", "mosei"]

SIMS_EDGES = {2: (0.0,), 3: (-0.1, 0.1), 5: (-0.7, -0.1, 0.1, 0.7)}
"""Edges between the classes of CH-SIMS by number of classes; an edge belongs to the class below."""


def interval_classes(score: Tensor, edges: tuple[float, ...]) -> Tensor:
    """Class of each score between right-closed edges, `[N]` in int64.

    Args:
        score: `[N]`.
        edges: increasing; class k holds edges[k - 1] < score <= edges[k].

    Example:
        >>> interval_classes(torch.tensor([-0.5, 0.0, 0.1]), (-0.1, 0.1))
        tensor([0, 1, 1])
    """
    score = score.float()
    return torch.bucketize(score, score.new_tensor(edges))


def rounded_classes(score: Tensor, limit: int) -> Tensor:
    """Integer next to each score within ±limit, `[N]`; halves go to the even one: 2.5 to 2.

    Args:
        score: `[N]`.
        limit: 3 for seven classes, 2 for five.

    Example:
        >>> rounded_classes(torch.tensor([2.5, -4.0]), 3)
        tensor([ 2., -3.])
    """
    return score.float().clamp(-limit, limit).round()


def agreement(predicted: Tensor, true: Tensor) -> Tensor:
    """Share of equal classes, a scalar; NaN of no samples.

    Args:
        predicted: classes `[N]`.
        true: classes `[N]`.

    Example:
        >>> agreement(torch.tensor([0, 1]), torch.tensor([1, 1]))
        tensor(0.5000)
    """
    return (predicted == true).float().mean()


def weighted_f1(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean of both classes' F1, weighted by how often each is true, a scalar; NaN of no samples.

    F1 = Σ_k n_k / N · 2 TP_k / (2 TP_k + FP_k + FN_k), 0 where a class is neither predicted nor
    true, as scikit-learn's `f1_score(average="weighted")`.

    Args:
        predicted: two classes `[N]`, bool or 0 and 1.
        true: the same.

    Example:
        >>> weighted_f1(torch.tensor([1, 1, 0]), torch.tensor([1, 0, 0]))  # both classes have 2/3
        tensor(0.6667)
    """
    if not len(true):
        return torch.full((), torch.nan, device=true.device)
    return multiclass_f1_score(
        predicted.long(), true.long(), num_classes=2, average="weighted", validate_args=False
    )


def correlation(score: Tensor, target: Tensor) -> Tensor:
    """Pearson's correlation, a scalar; NaN of fewer than two samples or where one is constant.

    Args:
        score: `[N]`.
        target: `[N]`.

    Example:
        >>> correlation(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([6.0, 4.0, 2.0]))
        tensor(-1.)
    """
    # Asked of the values: with a mean that is off by a rounding error, as on GPUs, a constant has a
    # variance, and its correlation is any number.
    if not all(len(x) > 1 and bool((x != x[0]).any()) for x in (score, target)):
        return torch.full((), torch.nan, device=score.device)
    return torch.corrcoef(_exact(torch.stack([score, target])))[0, 1].float()


def sims_scores(score: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Scores on CH-SIMS: both are clipped to [-1, 1], also for error and correlation.

    Zero is negative in `accuracy_2` and `f1`, which tell <= 0 from > 0.

    Args:
        score: predicted, `[N]`.
        target: annotated, `[N]`.

    Returns:
        Scalars in float32: `accuracy_2`, `accuracy_3`, `accuracy_5`, `f1`, `mae`, `corr`.

    Example:
        >>> sims_scores(torch.tensor([0.0, 0.5]), torch.tensor([0.1, 0.4]))["accuracy_2"]
        tensor(0.5000)
    """
    score, target = score.float().clamp(-1, 1), target.float().clamp(-1, 1)
    classes = {
        count: (interval_classes(score, edges), interval_classes(target, edges))
        for count, edges in SIMS_EDGES.items()
    }
    return {
        **{f"accuracy_{count}": agreement(*pair) for count, pair in classes.items()},
        "f1": weighted_f1(*classes[2]),
        **distances(score, target),
    }


def mosei_scores(score: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Scores on CMU-MOSI and CMU-MOSEI; nothing is clipped for error and correlation.

    `has0` tells < 0 from >= 0 on all samples, `non0` tells <= 0 from > 0 on those whose target is
    not exactly 0. Papers that say "negative/positive" mean `non0`.

    Args:
        score: predicted, `[N]`.
        target: annotated, `[N]`.

    Returns:
        Scalars in float32: `accuracy_2_has0`, `f1_has0`, `accuracy_2_non0`, `f1_non0`,
        `accuracy_5`, `accuracy_7`, `mae`, `corr`.

    Example:
        >>> mosei_scores(torch.tensor([0.5, 2.0]), torch.tensor([0.0, 1.0]))["accuracy_2_non0"]
        tensor(1.)
    """
    score, target = score.float(), target.float()
    has0 = score >= 0, target >= 0
    kept = target != 0
    non0 = score[kept] > 0, target[kept] > 0
    return {
        "accuracy_2_has0": agreement(*has0),
        "f1_has0": weighted_f1(*has0),
        "accuracy_2_non0": agreement(*non0),
        "f1_non0": weighted_f1(*non0),
        "accuracy_5": agreement(rounded_classes(score, 2), rounded_classes(target, 2)),
        "accuracy_7": agreement(rounded_classes(score, 3), rounded_classes(target, 3)),
        **distances(score, target),
    }


def distances(score: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Mean absolute error and correlation of scores `[N]` and targets `[N]`.

    Example:
        >>> distances(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))["mae"]
        tensor(1.5000)
    """
    error = (_exact(score) - _exact(target)).abs().mean().float()
    return {"mae": error, "corr": correlation(score, target)}


def _exact(values: Tensor) -> Tensor:
    """Values in float64, so that their order does not matter; MPS has none."""
    return values if values.device.type == "mps" else values.double()


RATINGS: dict[Protocol, Callable[[Tensor, Tensor], dict[str, Tensor]]] = {
    "sims": sims_scores,
    "mosei": mosei_scores,
}
"""How scores are rated by protocol."""


def rate(score: Tensor, target: Tensor, protocol: Protocol) -> dict[str, Tensor]:
    """Scalars by name, of predicted scores and annotated ones.

    Args:
        score: predicted, `[N]`.
        target: annotated, `[N]`.
        protocol: `sims` for scores in [-1, 1], `mosei` for scores in [-3, 3].

    Raises:
        UserError: a score or target is NaN or infinite, or the protocol is unknown.
    """
    check_choice("protocol", protocol, get_args(Protocol))
    for name, values in (("predicted scores", score), ("targets", target)):
        broken = int((~torch.isfinite(values)).sum())
        if broken:
            raise UserError(
                f"{name}: {broken} of {len(values)} are NaN or infinite; they can't be rated"
            )
    return RATINGS[protocol](score, target)
