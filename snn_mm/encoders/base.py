"""The contract every backbone fulfils: an input becomes a feature sequence `[T, N, D]`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

NeuronFactory = Callable[[], nn.Module]
"""Makes a fresh neuron layer: a spiking preset, or `torch.nn.ReLU` for the ANN twin."""

InputKind = Literal["static", "frames", "events"]
"""`static` `[N, C, H, W]`, `frames` `[N, L, C, H, W]`, `events` `[N, T, C, H, W]`."""


class Encoder(nn.Module, ABC):
    """Base class of every backbone.

    An encoder resets its own neurons at the start of `forward`, so that no membrane potential leaks
    from one batch into the next whatever the caller does. A static input is encoded directly: what
    comes before the first neuron is computed once and shared by all T steps. The ANN twin of an
    encoder is the same class with `neuron=torch.nn.ReLU` and `time_steps=1`.

    Attributes:
        feature_dim: D, the width of the features.
        time_steps: T of a static input; an event input brings its own T.
    """

    feature_dim: int
    time_steps: int

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Encode `[N, C, H, W]`, `[N, L, C, H, W]` or `[N, T, C, H, W]` to features `[T, N, D]`."""
