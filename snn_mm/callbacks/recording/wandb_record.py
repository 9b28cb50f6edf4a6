"""Makes a W&B run read well without a click: panels, table of runs, files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

from snn_mm.run.directory import RunDirectory, read_json

STEP = "trainer/global_step"
"""The x axis of every chart, as Lightning defines it: it goes on after a requeue."""

HIDDEN = ("epoch", STEP)
"""What is in every row for its sake alone, and needs no chart."""

FILES = ("*.json", "*.csv")


class WandbRecord(Callback):
    """Give W&B what is best, the figures, the energy tables and the files of a run.

    W&B makes a section of panels of what stands before the first slash of a metric's name, so the
    names are the layout: `train`, `val` and `test` with a chart per modality, a section per
    modulation (`iemf`), `gradient_norm`, `energy` and `figures`. The table of runs gets
    `best/val/accuracy/fused` and its like: the validation of the checkpoint that is tested.

    The command line adds this callback to every run with a `WandbLogger`. Files are uploaded when
    the W&B run ends, so `results.json` arrives with the outcome, also that of a run that failed.
    Only rank zero does anything.

    Args:
        run: the run directory.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._logged: dict[Path, int] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Hide what is no metric, and name the files that are there from the beginning."""
        for experiment in wandb_runs(trainer):
            for name in HIDDEN:
                experiment.define_metric(name, hidden=True)
            self._save_files(experiment)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the validation behind the best checkpoint in the table of runs."""
        best = read_json(self.run.results).get("best") or {}
        if best:
            facts = {"epoch": best["epoch"], **best["validation"]}
            for experiment in wandb_runs(trainer):
                experiment.summary.update({f"best/{name}": fact for name, fact in facts.items()})

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Log figures and energy: all callbacks have drawn and written by now."""
        figures = self._changed(sorted(self.run.figures.glob("*.png")))
        energy = self._changed([self.run.path / "energy.json"])
        for experiment in wandb_runs(trainer):
            panels = {**figure_panels(figures), **energy_panels(energy)}
            if panels:
                experiment.log({**panels, STEP: trainer.global_step})
            self._save_files(experiment)

    def _changed(self, files: list[Path]) -> list[Path]:
        """Those of the files that were written since they were last asked for."""
        times = {file: file.stat().st_mtime_ns for file in files if file.is_file()}
        changed = [file for file, time in times.items() if self._logged.get(file) != time]
        self._logged.update(times)
        return changed

    def _save_files(self, experiment: Any) -> None:
        for pattern in FILES:
            if any(self.run.path.glob(pattern)):
                path = str(self.run.path / pattern)
                experiment.save(path, base_path=str(self.run.path), policy="end")


def wandb_runs(trainer: Trainer) -> list[Any]:
    """The W&B runs that the trainer logs to; none on ranks other than zero."""
    if not trainer.is_global_zero:
        return []
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, WandbLogger)]


def figure_panels(files: list[Path]) -> dict[str, Any]:
    """Images in the section `figures`."""
    import wandb

    return {f"figures/{file.stem}": wandb.Image(str(file)) for file in files}


def energy_panels(files: list[Path]) -> dict[str, Any]:
    """Energy per sample: bars by part of the network and a table by layer; none without a file."""
    import wandb

    energy = read_json(files[0]) if files else {}
    parts, layers = energy.get("parts"), energy.get("layers")
    if not parts or not layers:
        return {}
    unit = "compute energy in pJ per sample"
    energies: list[Iterable[Any]] = [[name, part["compute_pj"]] for name, part in parts.items()]
    bars = wandb.Table(["part", unit], energies)
    columns = list(layers[0])
    rows: list[Iterable[Any]] = [[layer.get(c) for c in columns] for layer in layers]
    return {
        "energy/parts": wandb.plot.bar(bars, "part", unit, title=unit),
        "energy/layers": wandb.Table(columns, rows),
    }
