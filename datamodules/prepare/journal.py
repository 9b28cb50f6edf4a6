"""What a store's journal says: one line for each clip that has been written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.prepare.clip import Clip


@dataclass(frozen=True)
class Entry:
    """One line of the journal: where a prepared clip lies.

    Attributes:
        id: name of the clip.
        source: what its contents were made from, as `source_key` writes it.
        sample_rate: of the sound, in Hz.
        sound_at: its first byte in sound.bin.
        samples: length of the sound.
        frames_at: first byte of its first frame in frames.bin.
        frame_bytes: size of each frame.
        digest: SHA-256 of rate, sound and frames.
    """

    id: str
    source: str
    sample_rate: int
    sound_at: int
    samples: int
    frames_at: int
    frame_bytes: list[int]
    digest: str


def source_key(clip: Clip) -> str:
    """What decides a clip's contents, as text: sizes of its files, and the stretch.

    Sizes and not paths or times: a data set may be moved or copied.
    """
    sizes = [path.stat().st_size if path.is_file() else -1 for path in (clip.picture, clip.sound)]
    return json.dumps([*sizes, clip.start, clip.end])


def read_journal(path: Path, skip: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the lines of a journal up to the first that was not written to its end."""
    if not path.is_file():
        return
    for line in path.read_bytes().splitlines(keepends=True)[skip:]:
        try:
            content = json.loads(line)
        except ValueError:
            return
        if not line.endswith(b"\n") or not isinstance(content, dict):
            return
        yield content


def line(content: object) -> bytes:
    """Return content as a line of JSON that is the same for the same content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"
