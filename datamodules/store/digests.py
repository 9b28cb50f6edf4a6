"""SHA-256 of prepared files, a block at a time: a part tells damage, and where it is."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from snn_mm.run.replace import replacing

DIGESTS = "digests.json"
BLOCK_BYTES = 1 << 20
SAMPLED = 8
"""Blocks of a file that are read when it is opened: 8 MB take about 10 ms."""


def write_digests(directory: Path, names: Iterable[str] | None = None) -> None:
    """Write beside prepared files what they hold.

    Args:
        directory: where they lie.
        names: of the files; all that lie there if left out.
    """
    listed = sorted(path.name for path in directory.iterdir()) if names is None else sorted(names)
    files = {name: block_digests(directory / name) for name in listed if name != DIGESTS}
    with replacing(directory / DIGESTS) as temporary:
        temporary.write_text(json.dumps({"block_bytes": BLOCK_BYTES, "files": files}) + "\n")


def block_digests(path: Path) -> list[str]:
    """The SHA-256 of each block of a file."""
    with path.open("rb") as file:
        return [
            hashlib.sha256(block).hexdigest() for block in iter(lambda: file.read(BLOCK_BYTES), b"")
        ]


def find_damage(directory: Path, whole: bool = False) -> str | None:
    """Say where prepared files are not as they were written; None if nowhere that was looked at.

    Of each file the first block, the last, and others that are drawn anew each time are read. Files
    that an earlier version prepared have no digests.

    Args:
        directory: where the files lie.
        whole: whether to read them whole.
    """
    path = directory / DIGESTS
    if not path.is_file():
        return None
    try:
        written = json.loads(path.read_text())
        size, files = int(written["block_bytes"]), dict(written["files"])
        for name, digests in files.items():
            if not (directory / name).is_file():
                return f"{name} is missing"
            if damage := damaged_block(directory / name, list(digests), size, whole):
                return damage
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except (ValueError, KeyError, TypeError):
        return f"{DIGESTS} can't be read"
    return None


def damaged_block(path: Path, digests: list[str], size: int, whole: bool) -> str | None:
    """The first block of a file that is not as it was, among those that are looked at."""
    with path.open("rb") as file:
        blocks = -(-file.seek(0, os.SEEK_END) // size)
        if blocks != len(digests):
            return f"{path.name} has {blocks} blocks of {size} bytes, not {len(digests)}"
        for number in range(blocks) if whole else drawn(blocks):
            if block_digest(file, number, size) != digests[number]:
                begin = number * size
                return f"{path.name}, bytes {begin} to {begin + size}: not those that were written"
    return None


def block_digest(file: BinaryIO, number: int, size: int) -> str:
    """The SHA-256 of one block."""
    file.seek(number * size)
    return hashlib.sha256(file.read(size)).hexdigest()


def drawn(blocks: int) -> list[int]:
    """The first block, the last and some between; every one of a small file.

    A generator of its own draws: that of a training must go on as it was.
    """
    if blocks <= SAMPLED:
        return list(range(blocks))
    between = random.SystemRandom().sample(range(1, blocks - 1), SAMPLED - 2)
    return [0, *sorted(between), blocks - 1]
