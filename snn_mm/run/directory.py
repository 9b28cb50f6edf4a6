"""`runs/<experiment>/<run id>/` and what lies where in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snn_mm.reading.json_files import read_json as read_json  # where others look for it
from snn_mm.run.replace import replacing

RUNNING = "running"
"""Status of a run under way, and of one whose process is gone: see `RunLock.status`."""

STOPPED = "stopped"
"""What a run is called that notes no end and that no process holds: it can be resumed."""

FINISHED = "finished"
"""Status of a run that came to its end."""

DIVERGED = "diverged"
"""Status of a run that came to its end with a loss or weights that are no finite numbers."""

OVER = (FINISHED, DIVERGED)
"""What needs no resuming: to go on with a diverged run would end alike."""


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run.

    Attributes:
        path: the directory itself; it need not exist yet.
    """

    path: Path

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return self.path.parent.name

    @property
    def run_id(self) -> str:
        """Name of the run within its experiment, and its W&B id."""
        return self.path.name

    @property
    def root(self) -> Path:
        """Where all experiments lie."""
        return self.path.parent.parent

    @property
    def config(self) -> Path:
        """The whole config, ready to be given to `--config`."""
        return self.path / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of `best.ckpt` and `last.ckpt`."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """Checkpoint of the best validation."""
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        """Checkpoint after the last complete epoch: where a resumed run goes on."""
        return self.checkpoints / "last.ckpt"

    @property
    def metrics(self) -> Path:
        """Every logged metric, one row per logging call."""
        return self.path / "metrics.csv"

    @property
    def results(self) -> Path:
        """Status, best checkpoint and final metrics."""
        return self.path / "results.json"

    @property
    def environment(self) -> Path:
        """Versions, commit, data fingerprint, seed, host: what it takes to repeat the run."""
        return self.path / "environment.json"

    @property
    def preparation(self) -> Path:
        """What the preparation of raw files has taken from the training data."""
        return self.path / "preparation.json"

    @property
    def figures(self) -> Path:
        """Folder of figures."""
        return self.path / "figures"

    def create(self) -> None:
        """Make the directory and its folders."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.figures.mkdir(exist_ok=True)

    def discard_partial_checkpoints(self) -> None:
        """Remove what Lightning saves in the middle of an epoch when SLURM calls a job back.

        It would go on from there, with the rest of an epoch in another order.
        """
        for file in self.path.glob("hpc_ckpt_*.ckpt"):
            file.unlink(missing_ok=True)

    def record_evaluation(
        self, stage: str, checkpoint: Path, metrics: dict[str, float | None]
    ) -> None:
        """Keep the metrics of a later evaluation in `results.json`, by stage and checkpoint."""
        results = read_json(self.results)
        evaluations = results.setdefault("evaluations", {})
        evaluations.setdefault(stage, {})[checkpoint.name] = metrics
        write_json(self.results, results)

    def status(self) -> str | None:
        """What `results.json` says of the run, None if there is none."""
        status = read_json(self.results).get("status")
        return status if isinstance(status, str) else None

    def is_unfinished(self) -> bool:
        """Whether the run was started and never came to its end."""
        return self.config.is_file() and self.status() not in OVER


def find_run(path: Path) -> RunDirectory | None:
    """The run directory that `path` is, or that the checkpoint `path` belongs to, if any."""
    for candidate in (path, path.parent.parent):
        if (candidate / "results.json").is_file() or (candidate / "config.yaml").is_file():
            return RunDirectory(candidate.resolve())
    return None


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step, its line ends as they are."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file in one step."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, default=str) + "\n")
