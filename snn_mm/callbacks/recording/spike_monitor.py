"""What every spiking layer does over training: rates, silent and saturated neurons, membranes."""

from __future__ import annotations

from typing import Any

import torch
from lightning import LightningModule, Trainer

from snn_mm.callbacks.recording.run_files import run_directory, writes_files
from snn_mm.callbacks.recording.spike_counter import LayerSpikes, SpikeCounter, layers_by_modality
from snn_mm.callbacks.recording.spike_record import SpikeRecord
from snn_mm.callbacks.recording.stages import Stage, StageRecorder, validates_training
from snn_mm.errors import UserError


class SpikeMonitor(StageRecorder):
    """Record every spiking layer in validation and test.

    Counted over a whole stage, all its batches and ranks: the firing rate, the share of neurons
    that never fired, the share that fired at every time step of every sample, and the membrane
    potential after the last time step, in units of the threshold. Layers without spikes are left
    out. Training steps cost nothing more, a validation of the quickstart a quarter (docs/speed.md).
    Files of the run directory: `spikes.csv`, `spikes.npz` (histograms), and the figures
    `firing_rate.png` and `membrane.png`.

    Args:
        every_n_epochs: epochs from one recorded validation to the next; a test always counts.
        saturated_from: share of time steps and samples from which on a neuron is saturated.
        membrane_samples: samples of each batch whose membranes are counted.
    """

    def __init__(
        self, every_n_epochs: int = 1, saturated_from: float = 1.0, membrane_samples: int = 4
    ) -> None:
        if every_n_epochs < 1 or membrane_samples < 1 or not 0 < saturated_from <= 1:
            raise UserError(
                "SpikeMonitor: every_n_epochs and membrane_samples are at least 1 and "
                f"0 < saturated_from <= 1; got {every_n_epochs}, {membrane_samples}, "
                f"{saturated_from}"
            )
        self.every_n_epochs = every_n_epochs
        self.saturated_from = saturated_from
        self.membrane_samples = membrane_samples
        self._counters: list[SpikeCounter] = []
        self._loaded_epoch: int | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forget which checkpoint was loaded before."""
        self._loaded_epoch = None

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Remember of which epoch the weights of a test are."""
        self._loaded_epoch = checkpoint["epoch"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Drop what this run is going to measure anew."""
        if writes_files(trainer):
            record_of(trainer).drop_from(trainer.current_epoch)

    def begin(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Start counting: in a test, and in the validations that are recorded."""
        self.release()
        due = validates_training(trainer) and (trainer.current_epoch + 1) % self.every_n_epochs == 0
        if due or stage == "test":
            self._counters = [
                SpikeCounter(*found, membrane_samples=self.membrane_samples)
                for found in layers_by_modality(module)
            ]

    def record(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Log and write; a test in the epoch of its weights."""
        counters, self._counters = self._counters, []
        sizes = torch.tensor([counter.sizes() for counter in counters], device=module.device)
        if counters:  # a rank whose samples lack a modality has not seen its layers
            sizes = trainer.strategy.reduce(sizes, reduce_op="max")
        for counter, size in zip(counters, sizes.tolist(), strict=True):
            counter.close()
            counter.make_room(*size)
        counters = [counter for counter in counters if counter.has_run]
        layers = [
            counter.summarise(
                lambda counts: trainer.strategy.reduce(counts, reduce_op="sum"), self.saturated_from
            )
            for counter in counters
        ]
        for name, value in neuron_shares(layers).items():
            module.log(f"{stage}/{name}", value, sync_dist=True)  # the ranks agree already
        loaded = self._loaded_epoch if stage == "test" else None
        if layers and writes_files(trainer):
            epoch = trainer.current_epoch if loaded is None else loaded
            record_of(trainer).write(epoch, stage, layers)

    def release(self) -> None:
        """Leave no hooks behind."""
        for counter in self._counters:
            counter.close()
        self._counters = []

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the figures."""
        if writes_files(trainer):
            record_of(trainer).draw()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the figures, with the test."""
        if writes_files(trainer):
            record_of(trainer).draw()


def neuron_shares(layers: list[LayerSpikes]) -> dict[str, float]:
    """Share of silent and of saturated neurons among all neurons of each modality, by name."""
    shares: dict[str, float] = {}
    for modality in dict.fromkeys(layer.modality for layer in layers):
        own = [layer for layer in layers if layer.modality == modality]
        neurons = sum(layer.neurons for layer in own)
        silent = sum(layer.silent * layer.neurons for layer in own) / neurons
        saturated = sum(layer.saturated * layer.neurons for layer in own) / neurons
        shares[f"silent_neurons/{modality}"] = silent
        shares[f"saturated_neurons/{modality}"] = saturated
    return shares


def record_of(trainer: Trainer) -> SpikeRecord:
    """The record in the run directory."""
    return SpikeRecord(run_directory(trainer).path)
