"""What many tests train with: a linear encoder, quiet trainers, and ranks that leave records."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from torch import Tensor, nn

from snn_mm.encoders.base import Encoder

QUIET = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")


class LinearEncoder(Encoder):
    """`[N, C]` to `[T, N, D]`: a linear layer, repeated over T with a growing gain.

    Without neurons and batch norm, so that splitting a batch changes nothing.
    """

    def __init__(self, in_features: int, feature_dim: int = 4, time_steps: int = 2) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.time_steps = time_steps
        self.linear = nn.Linear(in_features, feature_dim)

    def forward(self, x: Tensor) -> Tensor:
        features = self.linear(x)
        return torch.stack([features * (t + 1) for t in range(self.time_steps)])  # [T, N, D]


def quiet_trainer(*callbacks: Any, **options: Any) -> Trainer:
    """A trainer of one epoch on the CPU that says and keeps nothing."""
    quiet = {"accelerator": "cpu", "max_epochs": 1, **dict.fromkeys(QUIET, False)}
    return Trainer(callbacks=list(callbacks), **{**quiet, **options})


def rank_trainer(devices: int, *callbacks: Any, **options: Any) -> Trainer:
    """The same on several ranks, of which each reads what it is given; without warnings."""
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    strategy = options.pop("strategy", "ddp") if devices > 1 else "auto"
    ranks = {"devices": devices, "strategy": strategy, "use_distributed_sampler": False}
    return quiet_trainer(*callbacks, **{**ranks, **options})


def own_rank() -> int:
    """Which rank this process is, before a trainer is there too."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def weights_of(module: nn.Module) -> list[float]:
    """All parameters, one after the other."""
    return torch.cat([p.detach().flatten() for p in module.parameters()]).tolist()


def write_record(folder: Path, devices: int, record: Any) -> None:
    """Leave what this rank found for `ranks_of`."""
    (folder / f"{devices}-{own_rank()}.json").write_text(json.dumps(record))


def ranks_of(
    script: str | Path, folder: Path, devices: Iterable[int] = (1, 2), *arguments: str
) -> dict[str, Any]:
    """Run `script DEVICES FOLDER ARGUMENTS`; what each rank wrote, by `<devices>-<rank>`."""
    for count in devices:
        command = [sys.executable, str(script), str(count), str(folder), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=240)
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
