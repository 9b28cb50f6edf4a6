"""What callbacks ask the trainer: where the files of a run are, and which callbacks it has."""

from __future__ import annotations

from pathlib import Path

from lightning import Callback, Trainer

from snn_mm.run.directory import RunDirectory


def run_directory(trainer: Trainer) -> RunDirectory:
    """The run directory, which the command line makes the trainer's root."""
    return RunDirectory(Path(trainer.default_root_dir))


def writes_files(trainer: Trainer) -> bool:
    """Whether this process writes files: rank zero, unless the run is a mere trial."""
    return trainer.is_global_zero and not getattr(trainer, "fast_dev_run", False)


def callbacks_of(trainer: Trainer) -> list[Callback]:
    """The callbacks of a trainer, which Lightning adds to the class without a type."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return callbacks
