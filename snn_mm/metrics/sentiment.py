"""Scores of sentiment over a whole epoch and all ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from snn_mm.metrics.sentiment_scores import Protocol, rate

__all__ = ["SCORES", "MOSEIScores", "Protocol", "SIMSScores", "SentimentScores"]


class OneScore(Metric):
    """One of the scores that are rated together, as a metric that a module can log.

    Lightning asks logged metrics when an epoch ends, before any callback looks; what a module logs
    in its own `on_train_epoch_end` comes after them.

    Args:
        whole: what rates; it is reset with any of its parts.
        name: of the score.
    """

    full_state_update = False

    def __init__(self, whole: SentimentScores, name: str) -> None:
        super().__init__()
        self._whole = (whole,)  # in a tuple it is no part of this one
        self._name = name

    def update(self) -> None:
        """Nothing: the whole is updated."""

    def compute(self) -> Tensor:
        """The score, `[]`."""
        scores: dict[str, Tensor] = self._whole[0].compute()
        return scores[self._name]

    def reset(self) -> None:
        """Reset the whole."""
        super().reset()
        self._whole[0].reset()

    def _wrap_compute(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        """As it is: the whole adds up the ranks and keeps what it computed."""
        return compute


class SentimentScores(Metric):
    """Rates predicted scores by the rules of one protocol.

    It keeps the scores and rates them together, so that one rank and eight give the same numbers to
    the last digit: sums would do for the accuracies, but a correlation from sums loses its digits
    where predictions hardly vary. The largest data set has 16 thousand scores: 128 kB.

    Subclasses say which protocol, and the names of its scores.

    Args:
        strict: whether predicted scores that are not finite are refused, or left out: in a training
            they are of steps that were left out too.
    """

    is_differentiable = False
    full_state_update = False
    protocol: ClassVar[Protocol]
    names: ClassVar[tuple[str, ...]]
    score: list[Tensor] | Tensor
    target: list[Tensor] | Tensor

    def __init__(self, strict: bool = True) -> None:
        super().__init__()
        self.strict = strict
        self.add_state("score", default=[], dist_reduce_fx="cat")
        self.add_state("target", default=[], dist_reduce_fx="cat")
        self.parts = nn.ModuleDict({name: OneScore(self, name) for name in self.names})

    def update(self, score: Tensor, target: Tensor) -> None:
        """Keep the scores of one batch.

        Args:
            score: predicted, `[N]`.
            target: annotated, `[N]`.

        Raises:
            ValueError: they are not of one shape `[N]`.
        """
        if score.ndim != 1 or score.shape != target.shape:
            raise ValueError(
                f"scores {tuple(score.shape)}, targets {tuple(target.shape)}; both are [N]"
            )
        self.score.append(score.detach().float())  # type: ignore[union-attr]  # a list until synced
        self.target.append(target.detach().float())  # type: ignore[union-attr]

    def compute(self) -> dict[str, Tensor]:
        """Scalars by the names of the protocol; NaN where a score has no value.

        Raises:
            UserError: a score or target is NaN or infinite.
        """
        score, target = self._joined(self.score), self._joined(self.target)  # [N]
        if not self.strict:
            kept = score.isfinite()
            score, target = score[kept], target[kept]  # [N'] of the finite ones
        return rate(score, target, self.protocol)

    def _joined(self, kept: Sequence[Tensor] | Tensor) -> Tensor:
        if not len(kept):
            return torch.empty(0, device=self.device)
        return dim_zero_cat(kept)  # type: ignore[arg-type]  # any sequence will do


class SIMSScores(SentimentScores):
    """Scores on CH-SIMS and CH-SIMS v2; see `sentiment_scores.sims_scores`."""

    protocol = "sims"
    names = ("accuracy_2", "accuracy_3", "accuracy_5", "f1", "mae", "corr")


class MOSEIScores(SentimentScores):
    """Scores on CMU-MOSI and CMU-MOSEI; see `sentiment_scores.mosei_scores`."""

    protocol = "mosei"
    names = (
        "accuracy_2_has0",
        "f1_has0",
        "accuracy_2_non0",
        "f1_non0",
        "accuracy_5",
        "accuracy_7",
        "mae",
        "corr",
    )


SCORES: dict[Protocol, type[SentimentScores]] = {"sims": SIMSScores, "mosei": MOSEIScores}
"""Scores by protocol."""
