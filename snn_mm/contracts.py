"""What the parts of the library hand to each other, by named modalities, however many."""

from __future__ import annotations

import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, NamedTuple, NotRequired, Protocol, TypedDict, runtime_checkable

if typing.TYPE_CHECKING:  # what reads finished runs needs the names here, and no torch
    import torch
    from torch import Tensor, nn

FUSED = "fused"
"""Name of the fusion wherever results or evidence are listed by modality."""

FUSION_ONLY = "fusion_only"
"""Name of a prediction made of the fusion network's output alone: O_tav of SGMT."""

Scope = Literal["classifier", "module"]
"""Parameters of a fusion: of its `classifier` alone, or of the whole `module`; never of heads."""

Presence = Mapping[str, "Tensor"]
"""Which samples have a modality, bool `[N]` by its name; one that is not named all have."""


class Batch(TypedDict):
    """One mini-batch.

    A static input is `[N, C, H, W]` (image, spectrogram) or `[N, L, C, H, W]` (frames), an event
    input `[N, T, C, H, W]`, a feature sequence `[N, L, D]` with its lengths `[N]`: how many of its
    L steps are no padding, at least 1, or 0 where a sample lacks it. The target is a class index
    `[N]`, or a score `[N]` in float32; a modality may have a score of its own. What stands in
    `inputs` for samples that are not `present` is never read, and may be left out if all are not.
    """

    inputs: dict[str, Tensor]
    target: Tensor
    id: list[str]
    lengths: NotRequired[dict[str, Tensor]]
    unimodal_target: NotRequired[dict[str, Tensor]]
    present: NotRequired[Presence]


class FusionOutput(NamedTuple):
    """What a fusion makes of features `[T, N, D]` by modality.

    Attributes:
        fused: logits `[T, N, K]`.
        unimodal: logits `[T, N, K]` by modality.
        features: what they were made of.
        scores: attention scores `[T, N]` of each output, where the fusion was scaled by them.
        present: where samples lack modalities; their unimodal logits are zeros and count nowhere.
    """

    fused: Tensor
    unimodal: dict[str, Tensor]
    features: dict[str, Tensor]
    scores: dict[str, Tensor] | None = None
    present: Presence | None = None

    def by_name(self) -> dict[str, Tensor]:
        """All logits: those of each modality, and those of the fusion as `FUSED`."""
        return {**self.unimodal, FUSED: self.fused}


LossTerms = dict[str, "Tensor"]
"""Weighted scalar summands of a training loss by name; their sum is what is minimised."""


class StepOutput(NamedTuple):
    """What one step computed, before or after the loss.

    Attributes:
        output: logits of every time step, and the features they were made of.
        logits: one prediction per sample `[N, K]`, by modality and for `FUSED`.
        target: class indices `[N]`.
    """

    output: FusionOutput
    logits: dict[str, Tensor]
    target: Tensor

    @property
    def features(self) -> dict[str, Tensor]:
        """Features `[T, N, D]` by modality."""
        return self.output.features

    @property
    def present(self) -> Presence | None:
        """Which samples have a modality; None where all have all."""
        return self.output.present

    def detached(self) -> StepOutput:
        """The same values without their graph."""
        fused, unimodal, features, scores, present = self.output
        parts = _detached(unimodal), _detached(features), scores and _detached(scores)
        output = FusionOutput(fused.detach(), *parts, present)
        return StepOutput(output, _detached(self.logits), self.target)


def _detached(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in values.items()}


class Evidence(NamedTuple):
    """What a modulation sums up over one micro-batch, detached (IEMF Eqs 7-9).

    Attributes:
        sums: a scalar by modality, and for `FUSED` where the fusion has one: the probability of the
            true class, unless a modulation gathers something else; micro-batches and ranks add up.
        samples: number of samples behind the sums, a scalar.
        counts: the same by name, where some samples lack a modality.
    """

    sums: dict[str, Tensor]
    samples: Tensor
    counts: dict[str, Tensor] | None = None


class ModulatesLoss(Protocol):
    """What changes the summands of the training loss, such as LFM."""

    def modulate_loss(self, terms: LossTerms, step: StepOutput) -> LossTerms:
        """Summands to minimise instead of `terms`; `step` carries the graph."""


@runtime_checkable
class LeavesStep(Protocol):
    """A module that says what its last step computed.

    Attributes:
        step: left by each training, validation and test step, detached.
    """

    step: StepOutput | None


@runtime_checkable
class ScoresTimeSteps(LeavesStep, Protocol):
    """A module whose time steps have attention scores."""

    def scores(self, output: FusionOutput) -> dict[str, Tensor]:
        """Attention scores `[T, N]`, summing to one over time, by modality and for `FUSED`."""


@runtime_checkable
class OwnsParameters(Protocol):
    """A module that says which parameters belong to which modality."""

    def modality_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters that belong to one modality: its encoder and its own classifier."""

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """Parameters of the fused classifier, or of the whole fusion module."""


@runtime_checkable
class Modulated(LeavesStep, OwnsParameters, Protocol):
    """What a modulation needs of a LightningModule; any module that offers it can be modulated.

    Attributes:
        modalities: their names, in the order of fusion.
        num_classes: K.
        loss_modulations: asked in order by each training step.
    """

    num_classes: int
    loss_modulations: list[ModulatesLoss]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of fusion."""

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""

    def shared_logits(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """What the fused classifier alone says of each modality's features, `[N, K]`."""


@runtime_checkable
class JudgesCoalitions(Protocol):
    """A module that says what it would predict from some of its modalities alone."""

    def coalition_logits(
        self,
        features: dict[str, Tensor],
        coalition: Collection[str],
        present: Presence | None = None,
    ) -> Tensor:
        """Fused prediction `[N, K]` of the features of some modalities, all others zero."""


@runtime_checkable
class CountsEpochs(Protocol):
    """A module whose training has parts, such as tasks, in each of which windows begin anew."""

    @property
    def modulation_epoch(self) -> int:
        """The epoch within the current part, from 0: what `start_epoch` and `end_epoch` count."""


@runtime_checkable
class ResizesForCheckpoint(Protocol):
    """A module whose layers grow while it trains, so that a checkpoint says how large they are."""

    def match_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Give the layers the sizes of a checkpoint; nothing if it is of another model."""


@runtime_checkable
class Classifies(Protocol):
    """What analyses ask of a trained module that has encoders, a fusion and K = `num_classes`."""

    num_classes: int

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names, in the order of fusion."""

    def __call__(
        self, inputs: dict[str, Tensor], present: Presence | None = None, **lengths: Presence
    ) -> FusionOutput:
        """Logits of inputs `[N, ...]` by modality."""

    def encode(
        self, inputs: dict[str, Tensor], present: Presence | None = None, **lengths: Presence
    ) -> dict[str, Tensor]:
        """Features `[T, N, D]` by modality."""

    def readout(self, output: FusionOutput) -> dict[str, Tensor]:
        """One prediction per sample `[N, K]`, by modality and for `FUSED`."""


@runtime_checkable
class ScoresSequences(Protocol):
    """What analyses ask of a trained module that scores sequences, rated by a protocol."""

    protocol: Literal["sims", "mosei"]

    def __call__(
        self, inputs: dict[str, Tensor], lengths: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """Scores `[N]` by head of sequences `[N, L, D]` with their lengths `[N]`."""

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        """What each head should say, `[N]`."""
