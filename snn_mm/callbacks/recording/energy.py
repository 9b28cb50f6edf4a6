"""Measures what an inference costs, once per test."""

from __future__ import annotations

from typing import Any, Literal

from lightning import Callback, LightningModule, Trainer

from snn_mm.callbacks.recording.run_files import run_directory, writes_files
from snn_mm.contracts import Batch
from snn_mm.energy import (
    CostModel,
    EnergyReport,
    Preset,
    estimate_energy,
    preset_cost_model,
    single_samples,
)
from snn_mm.errors import UserError
from snn_mm.run.directory import write_json

FILE_NAME = "energy.json"


class EnergyEstimator(Callback):
    """Measure operations and energy per sample, by layer and modality; write `energy.json`.

    Counts are spikingjelly's, taken once an epoch on a float32 copy of the module on the CPU, one
    sample at a time: they depend on neither device, precision, inference mode nor batch size.
    Energy of arithmetic and of memory traffic are given apart, and so is the formula that papers
    print (first layer's MACs, the rest's SynOps). Purity is the share of synaptic operations that
    really are driven by binary spikes: scaled or averaged spikes, such as ResNet18's features, cost
    multiply-accumulates. The ANN twin is the same network with ReLU and one time step.

    Under several ranks the first one measures samples of its own share of the data.

    Args:
        cost_model: `45nm-fp32` (Horowitz 2014: 4.6 pJ a MAC, 0.9 pJ an AC, 24.96 pJ a byte),
            `45nm-fp16`, `45nm-int8`, or a model of your own with a name.
        stage: whether to measure in `test` or in each `val`idation.
        batches: how many of the epoch's first batches to take samples from.
        samples: how many samples of each of them to measure; all if null.
        ann_twin: whether to measure the ANN twin too.

    Attributes:
        report: what was measured last.
    """

    def __init__(
        self,
        cost_model: Preset | CostModel = "45nm-fp32",
        stage: Literal["test", "val"] = "test",
        batches: int = 1,
        samples: int | None = 16,
        ann_twin: bool = True,
    ) -> None:
        for key, value in (("batches", batches), ("samples", samples)):
            if value is not None and value < 1:
                raise UserError(f"EnergyEstimator.{key} must be at least 1, got {value}")
        self.cost_model = (
            cost_model if isinstance(cost_model, CostModel) else preset_cost_model(cost_model)
        )
        self.stage = stage
        self.batches = batches
        self.samples = samples
        self.ann_twin = ann_twin
        self.report: EnergyReport | None = None
        self._kept: list[Batch] = []

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the samples of an earlier epoch that came to no end."""
        self._kept.clear()

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the samples of an earlier epoch that came to no end."""
        self._kept.clear()

    def on_test_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep samples."""
        if self.stage == "test":
            self._keep(trainer, batch, batch_idx, dataloader_idx)

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep samples."""
        if self.stage == "val":
            self._keep(trainer, batch, batch_idx, dataloader_idx)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, log and write."""
        self._measure(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, log and write."""
        self._measure(trainer, pl_module)

    def _keep(self, trainer: Trainer, batch: Batch, batch_idx: int, dataloader_idx: int) -> None:
        wanted = batch_idx < self.batches and dataloader_idx == 0
        if wanted and trainer.is_global_zero and not trainer.sanity_checking:
            self._kept.extend(single_samples(batch, self.samples))

    def _measure(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._kept:
            return
        self.report = estimate_energy(pl_module, self._kept, self.cost_model, self.ann_twin)
        self._kept.clear()
        scalars: dict[str, Any] = {
            f"{self.stage}/energy/{name}": value for name, value in self.report.scalars().items()
        }
        # A value of one rank is not synchronised; without `sync_dist` Lightning warns all the same.
        pl_module.log_dict(scalars, rank_zero_only=True, sync_dist=True)
        if writes_files(trainer):
            directory = run_directory(trainer).path
            directory.mkdir(parents=True, exist_ok=True)
            write_json(directory / FILE_NAME, self.report.as_dict())
