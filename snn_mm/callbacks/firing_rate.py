"""How often the neurons of each encoder fire."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from lightning import Callback, LightningModule, Trainer
from spikingjelly.activation_based.monitor import OutputMonitor
from spikingjelly.activation_based.neuron import BaseNode
from torch import Tensor, nn


def sum_leading(spikes: Tensor, dims: int) -> Tensor:
    """Spikes of each neuron `[...]`, summed over the first `dims` dimensions, in float32.

    Torch takes many times as long where channels lie last in memory, unless they stand last too.
    """
    leading = tuple(range(dims))
    if spikes.dim() > dims + 1 and spikes.stride(dims) == 1:
        ordered = spikes.movedim(dims, -1).sum(leading, dtype=torch.float32)  # [H, W, C]
        return ordered.movedim(-1, 0)  # [C, H, W]
    return spikes.sum(leading, dtype=torch.float32)


def count_spikes(spikes: Tensor) -> Tensor:
    """Number of spikes and of places where one could be, `[2]`, of a spike train `[T, N, ...]`.

    Sums of float32 are exact up to 2^24, which one neuron in one batch stays below; summing all in
    float64 at once takes fifty times as long.
    """
    total = torch.tensor(float(spikes.numel()), dtype=torch.float64, device=spikes.device)
    return torch.stack([sum_leading(spikes, 2).sum(dtype=torch.float64), total])


class FiringRateMonitor(Callback):
    """Log the mean firing rate of every spiking encoder in validation and test.

    The rate of an encoder is its number of spikes divided by neurons, time steps and samples, in
    [0, 1]: spikes per neuron and time step. Encoders without spiking neurons (ANN twins) are left
    out. Sums are added over batches and ranks.
    """

    def __init__(self) -> None:
        self._monitors: dict[str, OutputMonitor] = {}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start counting."""
        self._attach(pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start counting."""
        self._attach(pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the rates of this validation."""
        self._log_and_detach(trainer, pl_module, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the rates of this test."""
        self._log_and_detach(trainer, pl_module, "test")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave no hooks behind."""
        self._detach()

    def _attach(self, pl_module: LightningModule) -> None:
        self._detach()
        self._monitors = {
            name: OutputMonitor(encoder, BaseNode, count_spikes)
            for name, encoder in spiking_encoders(pl_module)
        }

    def _log_and_detach(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for name, monitor in self._monitors.items():
            spikes, places = trainer.strategy.reduce(
                torch.stack(monitor.records).sum(dim=0), reduce_op="sum"
            ).tolist()
            pl_module.log(f"{stage}/firing_rate/{name}", spikes / places, rank_zero_only=False)
        self._detach()

    def _detach(self) -> None:
        for monitor in self._monitors.values():
            monitor.close()
        self._monitors = {}


def spiking_encoders(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Encoders of a module that hold spiking neurons, with their modality."""
    encoders = getattr(module, "encoders", None)
    if not isinstance(encoders, nn.ModuleDict):
        return
    for name, encoder in encoders.items():
        if any(isinstance(part, BaseNode) for part in encoder.modules()):
            yield name, encoder
