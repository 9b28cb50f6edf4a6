"""What torch has saved, read without unpickling code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from snn_mm.errors import UserError
from snn_mm.reading.text import check_regular

OF_TRAINING: dict[str, type] = {
    "pytorch-lightning_version": str,
    "epoch": int,
    "global_step": int,
    "loops": dict,
    "callbacks": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
}
"""What a training goes on from, beside the weights."""


def read_torch(path: Path, device: str | Callable[..., Any] = "cpu", mapped: bool = False) -> Any:
    """What a file of `torch.save` holds: tensors and plain containers.

    Args:
        path: the file.
        device: where tensors go.
        mapped: whether tensors stay in the file until somebody looks at them.

    Raises:
        UserError: the file is missing, damaged, or names anything else.
    """
    check_regular(path)
    try:
        return torch.load(path, map_location=device, weights_only=True, mmap=mapped)
    except Exception as error:  # torch raises many kinds for garbage, and tells how to run it
        raise UserError(f"{path} is no checkpoint that can be read safely") from error


def check_trainable(checkpoint: dict[str, Any], path: Path) -> None:
    """Refuse a checkpoint that lacks what Lightning goes on from.

    Raises:
        UserError: names the key.
    """
    for key, kind in OF_TRAINING.items():
        if not isinstance(checkpoint.get(key), kind):
            found = type(checkpoint[key]).__name__ if key in checkpoint else "missing"
            raise UserError(
                f"{path}: '{key}' is {found}, so that no training can go on from it\n"
                "accepted: a checkpoint that Lightning wrote whole"
            )
