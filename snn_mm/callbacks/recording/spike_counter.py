"""Counts what the neurons of one layer do, in memory that does not grow with the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snn_mm.callbacks.recording.firing_rate import (
    leading_dims,
    spiking_parts,
    steps_seen,
    sum_leading,
)
from snn_mm.errors import UserError
from snn_mm.neurons import spiking_layers

BINS = 60
LOWEST, HIGHEST = -3.0, 1.5
"""Range of the membrane histogram, in units of the layer's firing threshold."""


class LayerSpikes(NamedTuple):
    """What the neurons of one layer did over a stage.

    Attributes:
        modality: whose encoder the layer is in, or `fusion`.
        layer: its name within that encoder.
        neurons: how many neurons there are.
        rate: spikes per neuron and time step.
        silent: share of neurons that never fired.
        saturated: share of neurons that fired at every step of every sample.
        membrane: counts `[BINS + 2]` of potentials, the first and last below and above the range.
    """

    modality: str
    layer: str
    neurons: int
    rate: float
    silent: float
    saturated: float
    membrane: list[int]


class SpikeCounter:
    """Counts the spikes of every neuron of a layer while its forward hook is in place.

    A neuron is a place of the output `[T, N, ...]` beyond time and batch. The membrane is what the
    layer keeps in `v` when `forward` ends: the potential after the last time step, which is all
    that a fused layer leaves.

    Args:
        modality: whose encoder the layer is in, or `fusion`.
        layer: its name within that encoder.
        neurons: the layer itself.
        membrane_samples: samples of each batch whose membranes are counted.

    Attributes:
        has_run: whether the layer saw any batch.
    """

    def __init__(
        self, modality: str, layer: str, neurons: nn.Module, membrane_samples: int
    ) -> None:
        self.modality, self.layer = modality, layer
        self._membrane_samples = membrane_samples
        self.has_run = False
        self._fired = self._places = torch.zeros((), dtype=torch.int64)
        self._membrane: Tensor | None = None  # [BINS + 2]
        self._hook = neurons.register_forward_hook(self._count)

    def close(self) -> None:
        """Take the hook away."""
        self._hook.remove()

    def sizes(self) -> tuple[int, int]:
        """How many neurons and how many bins of membranes were seen; 0 if none."""
        bins = 0 if self._membrane is None else len(self._membrane)
        return (self._fired.numel() if self.has_run else 0), bins

    def make_room(self, neurons: int, bins: int) -> None:
        """Have counts of what other ranks saw and this one did not."""
        if neurons and not self.has_run:
            self._fired, self.has_run = torch.zeros(neurons, dtype=torch.int64), True
        if bins and self._membrane is None:
            self._membrane = torch.zeros(bins, dtype=torch.int64)

    def summarise(self, add: Callable[[Tensor], Tensor], saturated_from: float) -> LayerSpikes:
        """Sum up, over ranks too.

        Args:
            add: adds a tensor over the ranks.
            saturated_from: share of places at which a neuron must have fired to count as saturated.
        """
        fired, places = add(self._fired.flatten()), int(add(self._places).item())
        membrane = [] if self._membrane is None else add(self._membrane).tolist()
        rate, silent, saturated = spike_shares(fired, places, saturated_from)
        return LayerSpikes(
            self.modality, self.layer, fired.numel(), rate, silent, saturated, membrane
        )

    def _count(self, neurons: nn.Module, inputs: tuple[Any, ...], spikes: Tensor) -> None:
        fired = sum_leading(spikes, leading_dims(neurons)).to(
            torch.int64
        )  # [...], spikes of each neuron
        if not self.has_run:
            self.has_run = True
            self._fired, self._places = torch.zeros_like(fired), fired.new_zeros(())
        elif self._fired.shape != fired.shape:
            raise UserError(
                f"SpikeMonitor: layer {self.layer} of {self.modality} had neurons "
                f"{list(self._fired.shape)} in one batch and {list(fired.shape)} in the next.\n"
                "Silent and saturated neurons need inputs of one size; take SpikeMonitor out."
            )
        self._fired += fired
        self._places += steps_seen(neurons, spikes).to(torch.int64)
        membrane, threshold = getattr(neurons, "v", None), getattr(neurons, "v_threshold", None)
        if isinstance(membrane, Tensor) and threshold is not None:
            potential = membrane[: self._membrane_samples] / threshold  # [n, ...]
            counts = membrane_histogram(potential)
            self._membrane = counts if self._membrane is None else self._membrane + counts


def spike_shares(fired: Tensor, places: int, saturated_from: float) -> tuple[float, float, float]:
    """Firing rate, share of silent neurons and share of saturated neurons.

    Args:
        fired: spikes of each neuron `[...]`.
        places: time steps times samples, the spikes a neuron can have at most.
        saturated_from: share of places from which on a neuron is saturated.
    """
    rate = fired.sum().item() / (places * fired.numel())
    silent = (fired == 0).sum().item() / fired.numel()
    saturated = (fired >= saturated_from * places).sum().item() / fired.numel()
    return rate, silent, saturated


def membrane_edges() -> list[float]:
    """Edges of the `BINS` bins, in units of the firing threshold."""
    return [LOWEST + (HIGHEST - LOWEST) * i / BINS for i in range(BINS + 1)]


def membrane_histogram(potential: Tensor) -> Tensor:
    """Counts `[BINS + 2]` of potentials `[...]` in units of the threshold; NaN counts as above.

    Neither `histc`, which leaves out what is beyond the range and is not deterministic on CUDA, nor
    `bucketize`, which is fifteen times slower.
    """
    scaled = (potential.float() - LOWEST) * (BINS / (HIGHEST - LOWEST))
    places = scaled.nan_to_num_(nan=BINS, posinf=BINS, neginf=-1).floor_().clamp_(-1, BINS)
    return torch.bincount(places.long().flatten() + 1, minlength=BINS + 2)


def layers_by_modality(module: nn.Module) -> Iterator[tuple[str, str, nn.Module]]:
    """Modality, name and layer of all neurons of a module's encoders and fusion."""
    for modality, owner in spiking_parts(module):
        for name, part in spiking_layers(owner):
            yield modality, name, part
