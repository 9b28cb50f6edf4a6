"""Measures what an inference costs, once per test."""

from __future__ import annotations

from typing import Any

from lightning import LightningModule, Trainer

from snn_mm.callbacks.recording.run_files import run_directory, writes_files
from snn_mm.callbacks.recording.stages import Stage, StageRecorder
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


class EnergyEstimator(StageRecorder):
    """Measure operations and energy per sample, by layer and modality; write `energy.json`.

    Counts are spikingjelly's, taken once an epoch on a float32 copy of the module on the CPU, one
    sample at a time: they depend on neither device, precision, inference mode nor batch size.
    Energy of arithmetic and of memory traffic are given apart, and so is the formula that papers
    print (first layer's MACs, the rest's SynOps). Purity is the share of synaptic operations that
    really are driven by binary spikes: scaled or averaged spikes, such as ResNet18's features, cost
    multiply-accumulates. The ANN twin is the same network with ReLU and one time step.

    A measurement takes as long as 35 validation batches of the quickstart (docs/speed.md). Under
    several ranks the first one measures samples of its own share of the data.

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
        stage: Stage = "test",
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
        self._awaited = 0

    def begin(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Start from nothing, also where an earlier epoch came to no end."""
        measured = stage == self.stage and trainer.is_global_zero and not trainer.sanity_checking
        self._kept, self._awaited = [], self.batches if measured else 0

    def gather(self, trainer: Trainer, module: LightningModule, batch: Batch) -> None:
        """Keep samples of the first batches."""
        if self._awaited:
            self._kept.extend(single_samples(batch, self.samples))
            self._awaited -= 1

    def record(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Measure, log and write."""
        if not self._kept:
            return
        self.report = estimate_energy(module, self._kept, self.cost_model, self.ann_twin)
        self._kept.clear()
        scalars: dict[str, Any] = {
            f"{stage}/energy/{name}": value for name, value in self.report.scalars().items()
        }
        # A value of one rank is not synchronised; without `sync_dist` Lightning warns all the same.
        module.log_dict(scalars, rank_zero_only=True, sync_dist=True)
        if writes_files(trainer):
            directory = run_directory(trainer).path
            directory.mkdir(parents=True, exist_ok=True)
            write_json(directory / FILE_NAME, self.report.as_dict())
