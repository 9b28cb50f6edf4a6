"""Which time steps a network attends to, over training."""

from __future__ import annotations

from collections import Counter

import torch
from lightning import LightningModule, Trainer
from torch import Tensor

from snn_mm.callbacks.recording.run_files import run_directory, writes_files
from snn_mm.callbacks.recording.stages import Stage, StageRecorder, validates_training
from snn_mm.contracts import Batch, ScoresTimeSteps
from snn_mm.errors import UserError
from snn_mm.presence import present_rows
from snn_mm.run.epoch_table import EpochTable

COLUMNS = ("epoch", "output", "time_step", "score")


class AttentionMonitor(StageRecorder):
    """Record the mean attention score of each time step in every validation of a training.

    Means are over the samples of all ranks that have the modality, by modality and for the fusion.
    Files of the run directory: `attention.csv`, with epochs and time steps counted from 0, and the
    heat maps `figures/attention.png`.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: Counter[str] = Counter()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module without attention over time."""
        if not isinstance(pl_module, ScoresTimeSteps):
            raise UserError(
                f"trainer.callbacks: AttentionMonitor needs a module with `scores`, such as "
                f"TAAFModule; {type(pl_module).__name__} has none"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Drop what this run is going to measure anew."""
        if writes_files(trainer):
            self._table(trainer).drop_from(trainer.current_epoch)

    def begin(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Start from nothing."""
        self._sums, self._counts = {}, Counter()

    def gather(self, trainer: Trainer, module: LightningModule, batch: Batch) -> None:
        """Add the scores of one batch."""
        if (
            not validates_training(trainer)
            or not isinstance(module, ScoresTimeSteps)
            or not module.step
        ):
            return
        step = module.step
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            scores = module.scores(step.output)
        for name, score in scores.items():
            total = score.double().sum(dim=1)  # [T, N] -> [T]
            self._sums[name] = self._sums[name] + total if name in self._sums else total
            rows = present_rows(step.present, name)
            self._counts[name] += len(step.target) if rows is None else len(rows)

    def record(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Write the means of this validation."""
        if not self._sums:
            return
        names = list(self._sums)
        sums = torch.stack([self._sums[name] for name in names])  # [M + 1, T]
        counts = sums.new_tensor([[self._counts[name]] for name in names])  # [M + 1, 1]
        both = trainer.strategy.reduce(torch.cat([sums, counts], dim=1), reduce_op="sum")
        if writes_files(trainer):
            epoch, found = trainer.current_epoch, zip(names, both.tolist())
            rows = (
                (epoch, name, step, total / count)
                for name, (*totals, count) in found
                if count  # else no sample has the modality
                for step, total in enumerate(totals)
            )
            self._table(trainer).append(rows)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the figure."""
        if not writes_files(trainer):
            return
        from snn_mm.figures.attention import draw_attention
        from snn_mm.figures.style import save_figure

        rows = list(self._table(trainer).rows())
        if rows:
            save_figure(draw_attention(rows), run_directory(trainer).figures / "attention.png")

    def _table(self, trainer: Trainer) -> EpochTable:
        return EpochTable(run_directory(trainer).path / "attention.csv", COLUMNS)
