"""What the parts of the library hand to each other.

Modalities are named, never positional, and nothing assumes that there are two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, NotRequired, Protocol, TypedDict, runtime_checkable

import torch
from torch import Tensor, nn

FUSED = "fused"
"""Name of the fusion wherever results or evidence are listed by modality."""

Scope = Literal["classifier", "module"]
"""Which parameters of a fusion: `classifier`, the fused classifier alone, or `module`, all of the
fusion operator; never the unimodal heads."""


class Batch(TypedDict):
    """One mini-batch.

    A static input is `[N, C, H, W]` (image, spectrogram) or `[N, L, C, H, W]` (frames), an event
    input `[N, T, C, H, W]`, a feature sequence `[N, L, D]` with its lengths.
    """

    inputs: dict[str, Tensor]
    target: Tensor
    id: list[str]
    lengths: NotRequired[dict[str, Tensor]]


class FusionOutput(NamedTuple):
    """Logits of a fusion: `fused` is `[T, N, K]`, `unimodal` holds `[T, N, K]` by modality."""

    fused: Tensor
    unimodal: dict[str, Tensor]


class Evidence(NamedTuple):
    """What a training step leaves for modulations, detached (IEMF Eqs 7-9).

    Sums, not means, so that micro-batches and ranks add up.

    Attributes:
        true_class: summed probability of the true class, a scalar by modality and for `FUSED`.
        samples: number of samples behind the sums, a scalar.
    """

    true_class: dict[str, Tensor]
    samples: Tensor


@runtime_checkable
class Modulated(Protocol):
    """What a modulation needs of a LightningModule; any module that offers it can be modulated.

    Attributes:
        evidence: left by each training step.
    """

    evidence: Evidence | None

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        ...

    def modality_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters that belong to one modality: its encoder and its own classifier."""
        ...

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """Parameters of the fused classifier, or of the whole fusion module."""
        ...
