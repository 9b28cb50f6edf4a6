"""Sentiment from sequences of features: one module for SGMT and every baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypedDict, get_args

from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from snn_mm.contracts import Batch, LossTerms, Scope
from snn_mm.encoders.inputs import broken, check_inputs
from snn_mm.errors import UserError, check_choice
from snn_mm.losses import weighted_absolute_errors
from snn_mm.metrics.quick_log import quick_log
from snn_mm.metrics.sentiment import SCORES, Protocol, SentimentScores
from snn_mm.modules.data_check import check_sequences, choose_modalities
from snn_mm.modules.optimizers import OptimizerFactory
from snn_mm.modules.sentiment.network import NetworkFactory
from snn_mm.modules.task import STAGES, Stage, TaskModule

Labels = Literal["own", "multimodal"]


class Scored(TypedDict):
    """What `predict` yields for a batch: ids, and scores `[N]` by head."""

    id: list[str]
    score: dict[str, Tensor]


def adam(parameters: Iterable[Any]) -> Optimizer:
    """Adam with a learning rate of 5e-4, MMSA's for attention models; SGMT names Adam alone."""
    return Adam(parameters, lr=5e-4)


class SentimentModule(TaskModule):
    """A network that scores sequences, trained on weighted absolute errors of its heads.

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
        lr_scheduler_monitor: str = "val/mae/fused",
        **options: Any,
    ) -> None:
        super().__init__(optimizer=optimizer, lr_scheduler_monitor=lr_scheduler_monitor, **options)
        check_choice("model.labels", labels, get_args(Labels))
        check_choice("model.protocol", protocol, get_args(Protocol))
        known = [name for name in feature_dims if name in max_lengths]
        wanted = feature_dims if modalities is None else modalities
        place = "model.feature_dims and model.max_lengths"
        names = choose_modalities(wanted, known, place, self.parameter_groups)
        self.labels, self.protocol = labels, protocol
        self.network = network(
            {name: feature_dims[name] for name in names},
            {name: max_lengths[name] for name in names},
        )
        self.loss_weights = head_weights(loss_weights, self.network.heads)
        for stage in STAGES:
            scores = {name: SCORES[protocol](stage != "train") for name in self.network.heads}
            self.add_module(f"{stage}_metrics", nn.ModuleDict(scores))
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

    def metric_names(self) -> list[str]:
        """Every name that validation logs: what a checkpoint or schedule may monitor."""
        kinds = SCORES[self.protocol].names
        rated = [f"val/{kind}/{head}" for head in self.network.heads for kind in kinds]
        return ["val/loss", *rated]

    def metrics(self, stage: Stage) -> dict[str, SentimentScores]:
        """What rates each head in a stage."""
        return dict(getattr(self, f"{stage}_metrics").items())

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Scores `[N]` by head, of sequences `[N, L, D]` and lengths `[N]` by modality."""
        names = self.modalities
        check_inputs(inputs, names, lengths)
        scores: dict[str, Tensor] = self.network(
            {name: inputs[name] for name in names}, {name: lengths[name] for name in names}
        )
        marks = {name: broken(inputs[name], lengths[name]) for name in names}
        for head in scores:
            for name in names if head not in names else (head,):
                mark = marks[name]
                scores[head] = scores[head] if mark is None else scores[head] + mark
        return scores

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        """What each head is to say, `[N]`."""
        own = batch.get("unimodal_target", {}) if self.labels == "own" else {}
        return {head: own.get(head, batch["target"]) for head in self.network.heads}

    def loss_terms(self, scores: dict[str, Tensor], targets: dict[str, Tensor]) -> LossTerms:
        """Weighted mean absolute error by head; heads of weight 0 are left out."""
        return weighted_absolute_errors(scores, targets, self.loss_weights)

    def skips_parameters(self) -> bool:
        """Whether a head is out of the loss, for its weight is 0."""
        return not all(self.loss_weights.values())

    def shared_step(self, batch: Batch, stage: Stage) -> Tensor:
        """Loss of one batch; gathers what the metrics need."""
        scores = self(batch["inputs"], batch["lengths"])
        targets = self.targets(batch)
        terms = self.loss_terms(scores, targets)
        size = len(batch["target"])
        if stage == "train":
            self.log_terms(terms, size)
        for head, metric in self.metrics(stage).items():
            metric.update(scores[head].detach().float(), targets[head])
            parts: Any = metric.parts
            for kind, part in parts.items():
                quick_log(self, f"{stage}/{kind}/{head}", part, on_step=False, on_epoch=True)
        return self.total_loss(terms, size, stage)

    def predict_step(self, batch: Batch, batch_idx: int) -> Scored:
        """Scores of one batch."""
        return {"id": batch["id"], "score": self(batch["inputs"], batch["lengths"])}

    def setup(self, stage: str) -> None:
        """Check the module against the data before the first batch."""
        super().setup(stage)
        own = set(self.modalities) & set(self.network.heads) if self.labels == "own" else set()
        check_sequences(
            self.network.feature_dims,
            self.network.max_lengths,
            sorted(own),
            getattr(self.trainer, "datamodule", None),
        )

    def modality_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters that belong to one modality: its encoder and its own head."""
        return self.network.modality_parameters(modality)

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """Parameters of the fused head, or all that belong to no single modality."""
        return self.network.fusion_parameters(scope)


def head_weights(weights: dict[str, float] | None, heads: tuple[str, ...]) -> dict[str, float]:
    """A weight for every head; weights of heads that are not there are left out.

    Raises:
        UserError: a head has no weight, or a weight is negative.
    """
    if weights is None:
        return dict.fromkeys(heads, 1.0)
    if missing := [head for head in heads if head not in weights]:
        raise UserError(f"model.loss_weights: none for {', '.join(missing)}")
    if negative := [head for head in heads if weights[head] < 0]:
        raise UserError(f"model.loss_weights: negative for {', '.join(negative)}")
    if not any(weights[head] for head in heads):
        raise UserError(f"model.loss_weights: 0 for every head: {', '.join(heads)}")
    return {head: weights[head] for head in heads}
