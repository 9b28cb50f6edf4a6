"""Sentiment from sequences of features: one module for SGMT and every baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Literal, TypedDict, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam, Optimizer

from snn_mm.contracts import Batch, LossTerms, Presence, Scope
from snn_mm.encoders.inputs import broken
from snn_mm.errors import check_choice, check_range
from snn_mm.losses import weighted_absolute_errors, weighted_means
from snn_mm.metrics.classes import ClassScores
from snn_mm.metrics.quick_log import quick_log
from snn_mm.metrics.sentiment import SCORES, Protocol, SentimentScores
from snn_mm.modules.base import Prediction
from snn_mm.modules.class_weights import ClassWeighting, ClassWeights
from snn_mm.modules.data_check import check_sequences, choose_modalities
from snn_mm.modules.optimizers import OptimizerFactory
from snn_mm.modules.sentiment.absence import masks, network_arguments
from snn_mm.modules.sentiment.heads import head_weights, marked
from snn_mm.modules.sentiment.network import NetworkFactory
from snn_mm.modules.task import STAGES, Stage, TaskModule
from snn_mm.presence import check_presence, present_rows, taken

Labels = Literal["own", "multimodal"]


class Scored(TypedDict):
    """What `predict` yields for a batch: ids, and scores `[N]` by head, NaN of what is absent."""

    id: list[str]
    score: dict[str, Tensor]


def adam(parameters: Iterable[Any]) -> Optimizer:
    """Adam with a learning rate of 5e-4, MMSA's for attention models; SGMT names Adam alone."""
    return Adam(parameters, lr=5e-4)


class SentimentModule(TaskModule):
    """A network that scores sequences, trained on weighted absolute errors of its heads.

    With `num_classes` its heads say classes, trained on weighted cross-entropies. What belongs to a
    modality that a sample lacks says 0 of it, and counts in no mean.

    Args:
        network: makes the network from feature widths and longest lengths by modality.
        feature_dims: D by modality: what the feature file has.
        max_lengths: the longest sequence by modality: what the feature file has.
        modalities: which of them to use, in this order; all if left out. Loss terms and parts of a
            modality that is left out are gone.
        loss_weights: weight of the absolute error by head; 1 each if left out.
        labels: what the head of a modality learns: its `own` label, as CH-SIMS has them, or the
            `multimodal` one; SGMT does not say what MOSEI's heads learn.
        protocol: how scores are rated: as on `sims` (scores in [-1, 1]) or `mosei` ([-3, 3]).
        num_classes: K where targets are classes; null where they are scores.
        class_weights: what a sample of each class counts for; see `ClassWeighting`.
        options: those of `TaskModule`.
    """

    def __init__(
        self,
        network: NetworkFactory,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        modalities: list[str] | None = None,
        loss_weights: dict[str, float] | None = None,
        labels: Labels = "own",
        protocol: Protocol = "sims",
        optimizer: OptimizerFactory = adam,
        lr_scheduler_monitor: str | None = None,
        num_classes: int | None = None,
        class_weights: ClassWeights = None,
        **options: Any,
    ) -> None:
        monitor = lr_scheduler_monitor or ("val/loss" if num_classes else "val/mae/fused")
        super().__init__(optimizer=optimizer, lr_scheduler_monitor=monitor, **options)
        check_choice("model.labels", labels, get_args(Labels))
        check_choice("model.protocol", protocol, get_args(Protocol))
        known = [name for name in feature_dims if name in max_lengths]
        wanted = feature_dims if modalities is None else modalities
        place = "model.feature_dims and model.max_lengths"
        names = choose_modalities(wanted, known, place, self.parameter_groups)
        self.labels, self.num_classes = labels, num_classes
        self.weighs_classes = num_classes is not None
        self.class_weights = ClassWeighting(class_weights, self)
        if num_classes is None:  # analyses of scores look for the attribute
            self.protocol = protocol
        self.network = network(
            {name: feature_dims[name] for name in names},
            {name: max_lengths[name] for name in names},
        )
        if num_classes is not None:
            check_range("model.num_classes", num_classes, 2)
            self.network.classify(num_classes)
        self.loss_weights = head_weights(loss_weights, self.network.heads)
        for stage in STAGES:
            rated = {name: self.rating(stage) for name in self.network.heads}
            self.add_module(f"{stage}_metrics", nn.ModuleDict(rated))
        self.check_parameter_groups()

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of fusion."""
        return self.network.modalities

    @property
    def encoders(self) -> nn.ModuleDict:
        """What belongs to one modality alone; monitors of spikes and energy look here."""
        return self.network.encoders

    @property
    def fusion(self) -> nn.Module | None:
        """The fusion network, if it stands apart; monitors of spikes look here."""
        return getattr(self.network, "fusion", None)

    def rating(self, stage: Stage) -> SentimentScores | ClassScores:
        """Make what rates a head in a stage."""
        if self.num_classes is not None:
            return ClassScores(self.num_classes)
        return SCORES[self.protocol](stage != "train")

    def metric_names(self) -> list[str]:
        """Every name that validation logs: what a checkpoint or schedule may monitor."""
        kinds = self.rating("val").names
        rated = [f"val/{kind}/{head}" for head in self.network.heads for kind in kinds]
        return ["val/loss", *rated]

    def metrics(self, stage: Stage) -> dict[str, SentimentScores | ClassScores]:
        """What rates each head in a stage."""
        return dict(getattr(self, f"{stage}_metrics").items())

    def forward(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None = None,
    ) -> dict[str, Tensor]:
        """Scores `[N]` by head; of classes, logits `[N, K]`.

        Args:
            inputs: sequences `[N, L, D]` by modality; frames `[N, L, C, H, W]` are made so.
            lengths: `[N]` by modality; what is not named has no padding.
            present: which samples have a modality, bool `[N]`; one that is not named all have. On
                the CPU a length of 0 says it too.
        """
        given = network_arguments(inputs, lengths, present, self.network.feature_dims)
        scores: dict[str, Tensor] = self.network(*given)
        x, lengths = given[:2]
        return marked(scores, {name: broken(x[name], lengths[name]) for name in x})

    def presence(self, batch: Batch) -> dict[str, Tensor] | None:
        """Which samples have a modality, bool `[N]`; None where all have all.

        Raises:
            UserError: a sample has none; names it.
        """
        present = masks(batch.get("present"), batch.get("lengths", {}), self.modalities)
        if present is not None:
            check_presence(present, self.modalities, len(batch["id"]), batch["id"])
        return present

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        """What each head is to say, `[N]`."""
        own = batch.get("unimodal_target", {}) if self._learns_own() else {}
        return {head: own.get(head, batch["target"]) for head in self.network.heads}

    def _learns_own(self) -> bool:
        """Whether the head of a modality learns its own label; classes are those of the sample."""
        return self.labels == "own" and self.num_classes is None

    def loss_terms(
        self,
        scores: dict[str, Tensor],
        targets: dict[str, Tensor],
        present: Presence | None = None,
    ) -> LossTerms:
        """Weighted mean absolute error or cross-entropy by head; heads of weight 0 are left out."""
        if self.num_classes is not None:
            loss = partial(cross_entropy, weight=self.class_weights.of_classes)
            return weighted_means(loss, scores, targets, self.loss_weights, present)
        return weighted_absolute_errors(scores, targets, self.loss_weights, present)

    def skips_parameters(self) -> bool:
        """Whether a head is out of the loss, for its weight is 0, or a modality may be absent."""
        return not all(self.loss_weights.values()) or super().skips_parameters()

    def shared_step(self, batch: Batch, stage: Stage) -> Tensor:
        """Loss of one batch; gathers what the metrics need."""
        present = self.presence(batch)
        scores = self(batch["inputs"], batch.get("lengths", {}), present)
        targets = self.targets(batch)
        terms = self.loss_terms(scores, targets, present)
        size = len(batch["target"])
        counts = self.counts(batch["target"], present)
        if stage == "train":
            self.log_terms(terms, size, counts)
        for head, metric in self.metrics(stage).items():
            rows = present_rows(present, head)
            metric.update(taken(scores[head].detach().float(), rows), taken(targets[head], rows))
            parts: Any = metric.parts
            for kind, part in parts.items():
                quick_log(self, f"{stage}/{kind}/{head}", part, on_step=False, on_epoch=True)
        return self.total_loss(terms, size, stage, counts)

    def predict_step(self, batch: Batch, batch_idx: int) -> Scored | Prediction:
        """Scores of one batch, or probabilities of classes."""
        present = self.presence(batch)
        scores = self(batch["inputs"], batch.get("lengths", {}), present)
        if self.num_classes is not None:
            scores = {head: logits.softmax(dim=-1) for head, logits in scores.items()}
        for name, there in (present or {}).items():
            if name in scores:
                scores[name][~there] = torch.nan
        if self.num_classes is None:
            return {"id": batch["id"], "score": scores}
        return {"id": batch["id"], "probability": scores}

    def setup(self, stage: str) -> None:
        """Check the module against the data before the first batch."""
        super().setup(stage)
        data = getattr(self.trainer, "datamodule", None)
        own = set(self.modalities) & set(self.network.heads) if self._learns_own() else set()
        dims, lengths = self.network.feature_dims, self.network.max_lengths
        check_sequences(dims, lengths, sorted(own), data, self.num_classes)
        if self.num_classes is not None:
            self.class_weights.learn(data, self.num_classes, next(self.parameters()))

    def modality_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters that belong to one modality: its encoder and its own head."""
        return self.network.modality_parameters(modality)

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """Parameters of the fused head, or all that belong to no single modality."""
        return self.network.fusion_parameters(scope)
