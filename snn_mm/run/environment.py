"""What it takes to repeat a run: versions, commit, data, seed, host, command."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = (
    "snn_mm",
    "torch",
    "torchaudio",
    "torchvision",
    "torchmetrics",
    "lightning",
    "spikingjelly",
    "jsonargparse",
    "numpy",
    "librosa",
    "wandb",
)


def describe_environment() -> dict[str, Any]:
    """Where and with what this process runs, as plain values."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "host": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": installed_versions(),
        "git": describe_commit(Path(__file__).parent),
        "threads": torch.get_num_threads(),
        "devices": describe_devices(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }


def installed_versions() -> dict[str, str]:
    """Versions of the packages that results depend on, those that are installed."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def describe_devices() -> list[str]:
    """Names of the accelerators, or of the processor where there is none."""
    if torch.cuda.is_available():
        return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return [platform.processor() or platform.machine()]


def describe_commit(folder: Path) -> dict[str, Any] | None:
    """Commit of the checkout that holds `folder` and whether it has changes; None if it is none."""
    git = shutil.which("git")
    if git is None:
        return None

    def ask(*arguments: str) -> str | None:
        command = [git, "-C", str(folder), *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return answer.stdout.strip() if answer.returncode == 0 else None

    commit, changes = ask("rev-parse", "HEAD"), ask("status", "--porcelain")
    return None if commit is None else {"commit": commit, "dirty": bool(changes)}
