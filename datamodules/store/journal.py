"""What a store's journal says: one line for each clip that has been written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.store.clip import Clip
from datamodules.store.source import are_unchanged, record_files


@dataclass(frozen=True)
class Entry:
    """One line of the journal: where a prepared clip lies.

    Attributes:
        id: name of the clip.
        source: what its contents were made from, as `describe_source` writes it.
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


def describe_source(clip: Clip) -> str:
    """Return what decides a clip's contents, as text: its files, and the stretch."""
    return json.dumps({"files": record_files(_files(clip)), "stretch": _stretch(clip)})


def is_source(clip: Clip, source: str | None, verify: bool = False) -> bool:
    """Return whether `describe_source` said this of a clip whose files have not changed since.

    Args:
        clip: as it is now.
        source: what was said; None or another text is said of another clip.
        verify: whether to compare the files' contents where size and time are the same.
    """
    said = json.loads(source) if source else None
    return (
        isinstance(said, dict)
        and said.get("stretch") == _stretch(clip)
        and are_unchanged(_files(clip), said.get("files"), verify)
    )


def _files(clip: Clip) -> list[Path]:
    return list(dict.fromkeys((clip.picture, clip.sound)))


def _stretch(clip: Clip) -> list[float | None]:
    return [clip.start, clip.end]


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
