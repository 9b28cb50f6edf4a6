"""Where callbacks put the files of a run, and whether they may."""

from __future__ import annotations

from pathlib import Path

from lightning import Trainer

from snn_mm.run.directory import RunDirectory


def run_directory(trainer: Trainer) -> RunDirectory:
    """The run directory, which the command line makes the trainer's root."""
    return RunDirectory(Path(trainer.default_root_dir))


def writes_files(trainer: Trainer) -> bool:
    """Whether this process writes files: rank zero, unless the run is a mere trial."""
    return trainer.is_global_zero and not getattr(trainer, "fast_dev_run", False)
