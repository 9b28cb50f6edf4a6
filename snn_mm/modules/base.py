"""What every multimodal classifier shares: encoders, a fusion, accuracies, parameters by role."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any, TypedDict, cast

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from snn_mm.contracts import (
    FUSED,
    Batch,
    FusionOutput,
    LossTerms,
    ModulatesLoss,
    Presence,
    Scope,
    StepOutput,
)
from snn_mm.encoders.base import Encoder, feature_width
from snn_mm.encoders.inputs import Inputs, encode, lengths_of
from snn_mm.errors import UserError, check_range
from snn_mm.fusion import FusionFactory
from snn_mm.fusion.spiking import frozen_statistics
from snn_mm.metrics.modality_accuracy import ModalityAccuracy
from snn_mm.metrics.quick_log import quick_log
from snn_mm.modules.class_weights import ClassWeighting, ClassWeights
from snn_mm.modules.data_check import check_against_data, choose_modalities
from snn_mm.modules.task import STAGES, Stage, TaskModule
from snn_mm.presence import given, presence_of


class Prediction(TypedDict):
    """What `predict` yields for a batch: ids, and probabilities `[N, K]` by modality and fused."""

    id: list[str]
    probability: dict[str, Tensor]


class MultimodalModule(TaskModule):
    """Base of every paper's module: encoders, a fusion, and one step that all stages go through.

    A subclass says what its loss is (`loss_terms`) and may change how logits over time become
    one prediction (`readout`). Modalities are those of `encoders`, or some of them (`modalities`);
    a batch may hold more, so that a unimodal twin is the same experiment with one of them.

    Args:
        encoders: one backbone per modality, by name.
        fusion: makes the fusion from the feature widths and the number of classes.
        num_classes: K.
        modalities: which of the encoders to use, in this order; all if left out. Encoder and
            parameter group of a modality that is left out are gone.
        class_weights: what a sample of each class counts for; see `ClassWeighting`.
        options: those of `TaskModule`.
    """

    def __init__(
        self,
        encoders: dict[str, Encoder],
        fusion: FusionFactory,
        num_classes: int,
        modalities: list[str] | None = None,
        class_weights: ClassWeights = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_range("model.num_classes", num_classes, 2)
        self.class_weights = ClassWeighting(class_weights, self)
        self.num_classes = num_classes
        self.step: StepOutput | None = None
        self.loss_modulations: list[ModulatesLoss] = []
        names = choose_modalities(modalities, encoders, "model.encoders", self.parameter_groups)
        self.configure_models({name: encoders[name] for name in names}, fusion)
        self.configure_metrics()
        self.check_parameter_groups()

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of fusion."""
        return tuple(self.encoders)

    def configure_models(self, encoders: dict[str, Encoder], fusion: FusionFactory) -> None:
        """Build `encoders` and `fusion`."""
        if not encoders or FUSED in encoders:
            got = ", ".join(encoders) or "none"
            raise UserError(f"encoders: at least one, and none may be called {FUSED!r}; got {got}")
        self.encoders = nn.ModuleDict(encoders)
        dims = {name: feature_width(encoder) for name, encoder in encoders.items()}
        self.fusion = fusion(dims, self.num_classes)

    def configure_metrics(self) -> None:
        """Build one accuracy per stage for each modality and the fusion."""
        for stage in STAGES:
            accuracy = {
                name: ModalityAccuracy(self.num_classes) for name in (*self.modalities, FUSED)
            }
            metrics = MetricCollection(
                dict(accuracy), prefix=f"{stage}/accuracy/", compute_groups=False
            )
            self.add_module(f"{stage}_metrics", metrics)

    def metric_names(self) -> list[str]:
        """Every name that validation logs: what a checkpoint or schedule may monitor."""
        accuracies = [f"val/accuracy/{name}" for name in (*self.modalities, FUSED)]
        return ["val/loss", *accuracies, f"val/balanced_accuracy/{FUSED}", f"val/f1_macro/{FUSED}"]

    def forward(
        self, inputs: dict[str, Tensor], present: Presence | None = None, **lengths: Inputs
    ) -> FusionOutput:
        """Logits `[T, N, K]` of inputs by modality; `present` and `lengths` as in a `Batch`."""
        there = given(present)
        return self.fuse(self.encode(inputs, *there, **lengths), *there)

    def fuse(self, features: dict[str, Tensor], present: Presence | None = None) -> FusionOutput:
        """Logits `[T, N, K]` of features `[T, N, D]` by modality."""
        return cast("FusionOutput", self.fusion(features, *given(present)))

    def encode(
        self, inputs: dict[str, Tensor], present: Presence | None = None, **lengths: Inputs
    ) -> dict[str, Tensor]:
        """Features `[T, N, D]` by modality, zero for samples that lack it; see `forward`."""
        return encode(self.encoders, inputs, present, **lengths)

    @abstractmethod
    def loss_terms(
        self, output: FusionOutput, logits: dict[str, Tensor], target: Tensor
    ) -> LossTerms:
        """The summands of the loss of logits over time, their readout `[N, K]` and classes `[N]`.

        The cross-entropy of the fused prediction has the name `FUSED`; where `weighs_classes`, it
        and those named by modality heed `self.class_weights.of_classes`.
        """

    def readout(self, output: FusionOutput) -> dict[str, Tensor]:
        """One prediction per sample: logits `[N, K]` by modality and fused, the mean over time."""
        logits = {name: value.mean(dim=0) for name, value in output.unimodal.items()}  # [N, K]
        return {**logits, FUSED: output.fused.mean(dim=0)}

    @torch.no_grad()
    def shared_logits(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """What the fused classifier alone says of each modality's features, `[N, K]`.

        The score of OGM-GE, whatever heads the fusion may have; see `Fusion.shared_logits`. Zero
        for samples that lack the modality.
        """
        dtype = next(self.fusion.parameters()).dtype  # features of an autocast step may be halves
        features = {name: value.to(dtype) for name, value in features.items()}
        unimodal = {name: self.fusion.shared_present(name, features, present) for name in features}
        # No fused prediction is asked for, and a fusion with batch norm would take statistics.
        silent = torch.zeros_like(unimodal[self.modalities[0]])
        logits = self.readout(FusionOutput(silent, unimodal, features, present=present))
        return {name: logits[name] for name in features}

    @torch.no_grad()
    def coalition_logits(
        self,
        features: dict[str, Tensor],
        coalition: Collection[str],
        present: Presence | None = None,
    ) -> Tensor:
        """Fused prediction `[N, K]` of the features of some modalities, all others zero.

        Args:
            features: `[T, N, D]` by modality.
            coalition: names of those that are kept.
            present: which samples have a modality, bool `[N]`; without it all.
        """
        dtype = next(self.fusion.parameters()).dtype
        kept = {
            n: x.to(dtype) if n in coalition else torch.zeros_like(x, dtype=dtype)
            for n, x in features.items()
        }
        with frozen_statistics(self.fusion):
            fused = self.fusion.fuse_present(kept, present)
        output = FusionOutput(fused, dict.fromkeys(kept, fused), kept, present=present)
        return self.readout(output)[FUSED]

    def shared_step(self, batch: Batch, stage: Stage) -> Tensor:
        """Loss of one batch; updates and logs metrics, leaves `step` for callbacks."""
        target, there = batch["target"], presence_of(batch, self.modalities)
        output = self.fuse(self.encode(batch["inputs"], *there, **lengths_of(self, batch)), *there)
        logits = self.readout(output)
        terms = self.loss_terms(output, logits, target)
        return self.finish_step(terms, StepOutput(output, logits, target), stage)

    def finish_step(
        self, terms: LossTerms, step: StepOutput, stage: Stage, rated: StepOutput | None = None
    ) -> Tensor:
        """Loss of a step: its summands, in training as modulations weigh them, added and logged.

        Args:
            terms: the summands.
            step: what modulations see, and what is left for callbacks.
            stage: of the step.
            rated: what accuracies are made of, where it is more than `step`.
        """
        rated = rated or step
        samples, counts = len(rated.target), self.counts(rated.target, rated.present)
        if stage == "train":
            self.log_terms(terms, samples, counts)
            for modulation in self.loss_modulations:
                terms = modulation.modulate_loss(terms, step)
        self.step = step.detached()
        self.log_accuracies(rated, stage)
        return self.total_loss(terms, samples, stage, counts)

    def predict_step(self, batch: Batch, batch_idx: int) -> Prediction:
        """Class probabilities of one batch; NaN of a modality that a sample lacks."""
        there = presence_of(batch, self.modalities)
        logits = self.readout(self(batch["inputs"], *there, **lengths_of(self, batch)))
        probability = {name: value.softmax(dim=-1) for name, value in logits.items()}
        for name, mask in there[0].items() if there else ():
            probability[name][~mask] = torch.nan
        return {"id": batch["id"], "probability": probability}

    def setup(self, stage: str) -> None:
        """Check the module against the data before the first batch."""
        data = getattr(self.trainer, "datamodule", None)
        check_against_data(self.modalities, self.num_classes, data)
        self.class_weights.learn(data, self.num_classes, next(self.parameters()))
        super().setup(stage)

    def skips_parameters(self) -> bool:
        """Whether a modulation of the loss might take a summand out, or a modality be absent."""
        unused = getattr(self.fusion, "tokens", ())  # where all are there
        return bool(self.loss_modulations or unused) or super().skips_parameters()

    def modality_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters that belong to one modality: its encoder and its own classifier."""
        encoder = self.encoders[modality].parameters()
        return chain(encoder, self.fusion.head_parameters(modality))

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """Parameters of the fused classifier, or of the whole fusion module."""
        return self.fusion.fusion_parameters(scope)

    def log_accuracies(self, step: StepOutput, stage: Stage) -> None:
        """Rate predictions of a step, by modality and fused."""
        metrics: MetricCollection = getattr(self, f"{stage}_metrics")
        options: dict[str, Any] = {"on_step": False, "on_epoch": True}
        for name, value in step.logits.items():
            cast("ModalityAccuracy", metrics[name]).rate(name, value, step.target, step.present)
            in_bar = (stage, name) == ("val", FUSED)
            quick_log(self, f"{stage}/accuracy/{name}", metrics[name], prog_bar=in_bar, **options)
