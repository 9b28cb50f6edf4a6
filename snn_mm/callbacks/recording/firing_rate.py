"""How often the neurons of each encoder fire."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snn_mm.callbacks.recording.stages import Stage, StageRecorder, validates_training
from snn_mm.neurons import is_spiking, spiking_layers

FUSION = "fusion"


def sum_leading(spikes: Tensor, dims: int) -> Tensor:
    """Spikes of each neuron `[...]`, summed over the first `dims` dimensions, at least in float32.

    Torch takes many times as long where channels lie last in memory, unless they stand last too.
    """
    leading, dtype = tuple(range(dims)), torch.promote_types(spikes.dtype, torch.float32)
    if spikes.dim() > dims + 1 and spikes.stride(dims) == 1:
        ordered = spikes.movedim(dims, -1).sum(leading, dtype=dtype)  # [H, W, C]
        return ordered.movedim(-1, 0)  # [C, H, W]
    return spikes.sum(leading, dtype=dtype)


def leading_dims(neurons: nn.Module) -> int:
    """Dimensions of spikes before those of the neurons: `[T, N, ...]`, or a step `[N, ...]`."""
    return 1 if getattr(neurons, "step_mode", "m") == "s" else 2


def steps_seen(neurons: nn.Module, spikes: Tensor) -> Tensor:
    """Time steps times samples of a spike train `[T, N, ...]`, without padding; a float64 scalar.

    Sequences of different lengths share a batch, and their padding is no time in which a neuron
    could fire.
    """
    valid = getattr(neurons, "valid", None)
    if valid is not None:
        total: Tensor = valid.sum(dtype=torch.float64)
        return total
    steps = spikes.shape[: leading_dims(neurons)].numel()
    return torch.full((), float(steps), dtype=torch.float64, device=spikes.device)


def count_spikes(neurons: nn.Module, spikes: Tensor) -> Tensor:
    """Number of spikes and of places where one could be, `[2]`, of a spike train `[T, N, ...]`.

    Sums of float32 are exact up to 2^24, which one neuron in one batch stays below; summing all in
    float64 at once takes fifty times as long.
    """
    dims = leading_dims(neurons)
    places = steps_seen(neurons, spikes) * spikes.shape[dims:].numel()
    return torch.stack([sum_leading(spikes, dims).sum(dtype=torch.float64), places])


def count_into(counts: list[Tensor], neurons: nn.Module, _: Any, spikes: Tensor) -> None:
    """As a forward hook: keep what a layer of neurons fired."""
    counts.append(count_spikes(neurons, spikes.detach()))


class FiringRateMonitor(StageRecorder):
    """Log the mean firing rate of every spiking encoder, and of a spiking fusion, in evaluation.

    The rate of an encoder is its number of spikes divided by neurons, time steps and samples, in
    [0, 1]: spikes per neuron and time step that is no padding. Encoders without spiking neurons
    (ANN twins) are left out. Sums are added over batches and ranks. Training steps cost nothing
    more; adding up every spike costs a seventh of a validation of the quickstart (docs/speed.md).
    What fires not once in a validation of the training is warned of, once.
    """

    def __init__(self) -> None:
        self._counts: dict[str, list[Tensor]] = {}
        self._hooks: list[RemovableHandle] = []
        self._silent: set[str] = set()

    def begin(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Start counting."""
        self.release()
        for name, part in spiking_parts(module):
            counts = self._counts[name] = []
            self._hooks += [
                neurons.register_forward_hook(partial(count_into, counts))
                for _, neurons in spiking_layers(part)
            ]

    def record(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Log the rates."""
        for name, counts in self._counts.items():
            none = torch.zeros(2, dtype=torch.float64, device=module.device)
            own = torch.stack(counts).sum(dim=0) if counts else none  # [2]
            spikes, places = trainer.strategy.reduce(own, reduce_op="sum").tolist()
            if not places:  # no sample has the modality
                continue
            rate = f"{stage}/firing_rate/{name}"
            module.log(rate, spikes / places, sync_dist=True)  # the ranks agree already
            if not spikes and name not in self._silent and validates_training(trainer):
                self._silent.add(name)
                rank_zero_warn(
                    f"no neuron of {name} fired in the validation of epoch "
                    f"{trainer.current_epoch + 1}: the others do without it"
                )
        self.release()

    def release(self) -> None:
        """Leave no hooks behind."""
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._counts = [], {}


def spiking_parts(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Encoders that hold spiking neurons, with their modality, and the fusion if it does."""
    encoders = getattr(module, "encoders", None)
    parts = dict(encoders.items()) if isinstance(encoders, nn.ModuleDict) else {}
    for name, part in {**parts, FUSION: getattr(module, FUSION, None)}.items():
        if isinstance(part, nn.Module) and is_spiking(part):
            yield name, part
