"""A data set that is a folder of clips; as a program, prepares it so that a test can kill it."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from datamodules.store.clip import (
    Clip,
    ClipNote,
    DecodedClip,
    DecodeOptions,
    UnreadableClipError,
)
from datamodules.store.engine import Preparation, PrepareRequest, prepare
from datamodules.store.processing import ProcessingOptions

CLASS_NAMES = ("a", "b", "c")


def find(source: Path) -> list[Clip]:
    """Return the files of a folder; their order decides class and part."""
    files = sorted(path for path in source.iterdir() if path.suffix != ".tsv")
    return [
        Clip(path.name, row % 3, "test" if row % 4 == 0 else "train", path, path)
        for row, path in enumerate(files)
    ]


def run(
    source: Path,
    directory: Path,
    decoding: DecodeOptions | None = None,
    update: bool = False,
    **processing: object,
) -> Preparation:
    """Prepare a folder without a word."""
    options = ProcessingOptions(**processing)  # type: ignore[arg-type]
    decoding = decoding or DecodeOptions()
    request = PrepareRequest(find(source), CLASS_NAMES, directory, decoding, options, update)
    return prepare(request, lambda done, total, unreadable: None)


def odd_decode(clip: Clip) -> DecodedClip:
    """Do to the process what the clip's name says."""
    if clip.id == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if clip.id == "out of memory":
        os.kill(os.getpid(), signal.SIGKILL)
    if clip.id == "hang":
        time.sleep(60)
    if clip.id == "noted":
        warnings.warn(ClipNote("too loud", "a.wav"), stacklevel=1)
        return DecodedClip(8000, np.zeros(1, np.int16), [b"jpeg"])
    if clip.id == "damaged":
        raise UnreadableClipError("no sound")
    if clip.id == "surprise":
        raise IndexError("tuple index out of range")
    return DecodedClip(8000, np.zeros(int(clip.id), np.int16), [b"jpeg"])


if __name__ == "__main__":
    workers, share = int(sys.argv[3]), float(sys.argv[4])
    outcome = run(Path(sys.argv[1]), Path(sys.argv[2]), workers=workers, max_unreadable=share)
    sys.stdout.write(outcome.store.fingerprint)
