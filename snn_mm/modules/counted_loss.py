"""The loss of a step: its summands added, logged, and weighed by what stands behind them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any, Literal

from lightning import LightningModule
from torch import Tensor

from snn_mm.contracts import FUSED, FUSION_ONLY, LossTerms, Presence
from snn_mm.metrics.loss_mean import LossMean
from snn_mm.metrics.quick_log import quick_log
from snn_mm.modules.class_weights import ClassWeighting
from snn_mm.modules.shares import (
    SEVERAL,
    WEIGHED,
    by_count,
    counted_by,
    shares_of_union,
    union_counts,
    weighed_by_union,
    weighed_counts,
)

Stage = Literal["train", "val", "test"]
STAGES: tuple[Stage, ...] = ("train", "val", "test")


class CountedLoss(LightningModule, ABC):
    """A module whose loss has summands that are means over samples, over others each.

    Attributes:
        class_weights: what a sample of each class counts for.
        summands: those of the last step, detached.
    """

    weighs_classes = False
    """Whether the loss knows weights of classes."""

    def __init__(self) -> None:
        super().__init__()
        self.class_weights = ClassWeighting(None, self)
        self.summands: LossTerms = {}

    @property
    @abstractmethod
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of fusion."""

    def setup(self, stage: str) -> None:
        """Have a mean of the loss for every stage."""
        for name in STAGES:
            self.loss_mean(name)

    def loss_mean(self, stage: Stage) -> LossMean:
        """What gathers the loss of a stage."""
        if not hasattr(self, name := f"{stage}_loss_mean"):
            groups = [FUSED, *self.modalities, SEVERAL]
            if self.class_weights.asked is not None:
                groups += [f"{WEIGHED}{n}" for n in (FUSED, FUSION_ONLY, *self.modalities)]
            self.add_module(name, LossMean(groups).to(self.device))
            self._metric_attributes = None  # where Lightning remembers which metrics there are
        mean: LossMean = getattr(self, name)
        return mean

    def sample_counts(self, present: Presence | None, samples: int) -> dict[str, int]:
        """How many samples stand behind means: of the batch, of a modality, of several at once."""
        return union_counts(present, self.modalities, samples)

    def counts(self, target: Tensor, present: Presence | None = None) -> dict[str, float] | None:
        """What stands behind means, by name; None where all are over all samples alike.

        Args:
            target: classes or scores, `[N]`.
            present: which samples have a modality, bool `[N]`; without it all.
        """
        weights = self.class_weights.of_samples(target)
        if weights is None and present is None:
            return None
        counts: dict[str, float] = {**self.sample_counts(present, len(target))}
        return counts | (
            {} if weights is None else weighed_counts(weights, present, self.modalities)
        )

    def total_loss(
        self,
        terms: LossTerms,
        samples: int,
        stage: Stage,
        counts: Mapping[str, float] | None = None,
    ) -> Tensor:
        """Sum of `summands`, which stay, logged; in training what they count for on this rank.

        Args:
            terms: means, scalars by name.
            samples: of the batch.
            stage: of the step.
            counts: those of `self.counts`.
        """
        loss = reduce(add, terms.values())
        mean = self.loss_mean(stage)
        mean.add(by_count(terms, mean.groups), samples if counts is None else counts)
        quick_log(self, f"{stage}/loss", mean, on_step=False, on_epoch=True)
        self.summands = {name: term.detach() for name, term in terms.items()}
        if stage != "train" or self._trainer is None or self.trainer.world_size == 1:
            return loss
        every = self.sample_counts(None, samples) if counts is None else counts
        return weighed_by_union(terms, loss, shares_of_union(every, self.trainer, self.device))

    def log_terms(
        self, terms: LossTerms, samples: int, counts: Mapping[str, float] | None = None
    ) -> None:
        """Log the summands as they are before modulations weigh them."""
        for name, term in terms.items():
            count = samples if counts is None else counts[counted_by(name, counts)]
            self.log_mean(f"train/loss/{name}", term.detach(), count)

    def log_mean(self, name: str, value: Tensor, samples: float) -> None:
        """Log a mean over the samples of a batch, in the end over those of all batches and ranks.

        Lightning averages the count of samples over the ranks too, and rounds that of an integer
        down: of two ranks with three and two samples the mean would be 5/4 of what it is.
        """
        count: Any = float(samples)
        options: dict[str, Any] = {"on_step": False, "on_epoch": True, "sync_dist": True}
        quick_log(self, name, value, batch_size=count, **options)
