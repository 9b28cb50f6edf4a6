"""Files of weights: read without unpickling code, and told apart."""

from __future__ import annotations

import hashlib
import pickle
from importlib import import_module
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from snn_mm.errors import UserError


def read_state(path: Path, accepted: str) -> dict[str, Tensor]:
    """Read a state dictionary.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    if not path.is_file():
        raise UserError(f"weights {path}: no such file; accepted is {accepted}.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UserError(f"weights {path} can't be read: {reason}") from error
    if not isinstance(state, dict) or not all(isinstance(each, Tensor) for each in state.values()):
        raise UserError(f"weights {path} hold no state dictionary; accepted is {accepted}.")
    return cast("dict[str, Tensor]", state)


def read_safetensors(path: Path, accepted: str) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors` file.

    Raises:
        UserError: the file is damaged, or of another format.
    """
    damage = import_module("safetensors").SafetensorError  # is no ValueError
    try:
        state = import_module("safetensors.torch").load_file(path)
    except (OSError, ValueError, damage) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"weights {path} can't be read: {reason}\n{accepted}") from error
    return cast("dict[str, Tensor]", state)


def file_digest(path: Path) -> str:
    """Return 16 hexadecimal digits of a file's contents; a gigabyte takes a second."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
