"""Nothing is written through a symbolic link that came with a run directory."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from snn_mm.errors import UserError


def check_links(directory: Path) -> None:
    """Refuse a directory that is written to if something in it stands for a place elsewhere.

    The folders above it may be links, such as that of all runs; and what lies deeper may be one
    that stays inside, such as W&B's `latest-run`. Nothing is written anew into the folder that W&B
    makes of each attempt, whose `logs/debug-core.log` is a link to its cache.

    Raises:
        UserError: names the link and where it leads.
    """
    inside = directory.resolve()
    for folder, folders, files in os.walk(directory):
        for place in (Path(folder) / name for name in (*folders, *files)):
            if place.parent == directory or not place.resolve().is_relative_to(inside):
                refuse_link(place)
        if Path(folder) == directory / "wandb":
            folders.clear()


def refuse_link(place: Path) -> None:
    """Refuse to write to or below a place that is a link.

    Raises:
        UserError: it is; says where it leads.
    """
    if place.is_symlink():
        raise UserError(
            f"{place} is a symbolic link to {place.readlink()}, through which nothing is written\n"
            "accepted: what it leads to, moved or copied into its place"
        )


def open_own(path: Path) -> BinaryIO:
    """Open a file to append to it, creating it; neither a link nor a pipe or a device.

    Raises:
        UserError: it is one of them.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    refuse_link(path)
    file = os.fdopen(os.open(path, flags, 0o666), "ab")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UserError(f"{path} is no regular file")
    return file
