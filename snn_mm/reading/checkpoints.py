"""What torch has saved, read without unpickling code."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from snn_mm.errors import UserError
from snn_mm.reading.text import check_regular

LONGEST_NAME = 5000
LEGACY_PICKLES = 5
_MAYBE_LONG = re.compile(rb"[c\n][^\n]{5000}")

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
        _check_names(path)
        return torch.load(path, map_location=device, weights_only=True, mmap=mapped)
    except Exception as error:  # torch raises many kinds for garbage, and tells how to run it
        raise UserError(f"{path} is no checkpoint that can be read safely") from error


def _check_names(path: Path) -> None:
    """Refuse names of 5 kB: torch looks them over with patterns that take quadratic time."""
    for stream in _pickles(path):
        if _MAYBE_LONG.search(stream.getbuffer()):
            for _ in range(LEGACY_PICKLES):
                for opcode, argument, _ in pickletools.genops(stream):
                    if opcode.name == "GLOBAL" and len(str(argument)) > LONGEST_NAME:
                        raise ValueError("a name that nothing has")
                if stream.tell() == len(stream.getbuffer()):
                    break


def _pickles(path: Path) -> Iterator[io.BytesIO]:
    """What of a file torch unpickles: a part of an archive, or before version 1.6 its beginning."""
    with path.open("rb") as file:
        head = file.read(1 << 24)
    if not head.startswith(b"PK\x03\x04"):
        yield io.BytesIO(head)
        return
    with zipfile.ZipFile(path) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise ValueError("it is packed, which torch never does")
        for name in archive.namelist():
            if name.endswith(".pkl"):
                yield io.BytesIO(archive.read(name))


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
