"""What `snnmm bench` was asked for; needs no torch."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from snn_mm.config.catalogue import EXPERIMENTS, catalogue, find
from snn_mm.errors import UserError, check_range

OWN_FLAGS = (
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
    "--trainer.num_sanity_val_steps=0",
    "--trainer.limit_train_batches=null",
    "--trainer.logger=false",
    "--trainer.devices=1",
)
"""Put before what was typed, which wins."""


@dataclass(frozen=True)
class Request:
    """Steps of an experiment to measure.

    Attributes:
        config: its file.
        flags: whatever else `fit` takes.
        steps: how many are measured.
        warmup: how many come before them.
        real_data: whether to read the data instead of making some up.
        json: where to write the result, too.
        data_only: whether to measure how fast real data are loaded, and no step.
        seconds: how long, for each number of workers.
    """

    config: Path
    flags: list[str]
    steps: int
    warmup: int
    real_data: bool
    json: Path | None
    data_only: bool = False
    seconds: float = 3.0

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.config.stem

    def fit(self, folder: Path) -> list[str]:
        """The command line of the training, whose run lies in `folder`."""
        run = [f"--run.root={folder}", "--run.name=bench", "--run.id=one"]
        return ["fit", f"--config={self.config}", *OWN_FLAGS, *self.flags, *run]


def read_request(argv: list[str]) -> Request:
    """Understand what was typed after `snnmm bench`.

    Raises:
        UserError: there is no such experiment, or too few steps.
    """
    parser = argparse.ArgumentParser("snnmm bench", add_help=False, allow_abbrev=False)
    parser.add_argument("experiment", nargs="?")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--real-data", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data-only", action="store_true")
    parser.add_argument("--seconds", type=float, default=3.0)
    options, flags = parser.parse_known_args(argv)
    if options.experiment is None:
        raise UserError("bench: which experiment? such as: snnmm bench quickstart")
    check_range("--steps", options.steps, 1)
    check_range("--warmup", options.warmup, 1)
    if not options.seconds > 0:
        raise UserError(f"--seconds is {options.seconds}; accepted is more than 0.")
    config = experiment_file(options.experiment)
    chosen = {name: value for name, value in vars(options).items() if name != "experiment"}
    return Request(config, flags, **chosen)


def experiment_file(name: str) -> Path:
    """The file of an experiment, by its name or its path.

    Raises:
        UserError: there is none.
    """
    path = Path(name)
    if path.suffix == ".yaml":
        return path
    known = [entry for entry in catalogue() if entry.group == EXPERIMENTS]
    return Path(find(name, known)[0].location)
