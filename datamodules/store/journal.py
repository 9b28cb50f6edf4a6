"""What a store was made from, by its journal, and what has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.store.clip import Clip
from datamodules.store.source import are_unchanged, record_files
from datamodules.store.store import JOURNAL, STORE
from snn_mm.errors import UserError
from snn_mm.reading.json_files import json_object, parse_json
from snn_mm.reading.text import read_bytes


@dataclass(frozen=True)
class JournalEntry:
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
    try:
        said = parse_json(source or "null", Path(clip.id))
    except UserError:
        return False
    return (
        isinstance(said, dict)
        and said.get("stretch") == _stretch(clip)
        and are_unchanged(_files(clip), said.get("files"), verify)
    )


def _files(clip: Clip) -> list[Path]:
    return list(dict.fromkeys((clip.picture, clip.sound)))


def _stretch(clip: Clip) -> list[float | None]:
    return [clip.start, clip.end]


def read_journal(path: Path, kinds: Mapping[str, type], skip: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the lines of a journal up to the first that was not written to its end.

    Args:
        path: of the journal.
        kinds: keys that a line must have, and the type of their values.
        skip: lines at the beginning.
    """
    if not path.is_file():
        return
    for line in read_bytes(path).splitlines(keepends=True)[skip:]:
        try:
            content = parse_json(line, path)
        except UserError:
            return
        if not line.endswith(b"\n") or not isinstance(content, dict):
            return
        if not all(isinstance(content.get(key), kind) for key, kind in kinds.items()):
            return
        yield content


def json_line(content: object) -> bytes:
    """Return content as a line of JSON that is the same for the same content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def listing_digest(clips: Sequence[Clip]) -> str:
    """Return a digest of names, labels and parts as a finder says them."""
    rows = sorted([clip.id, clip.label, clip.part] for clip in clips)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def describe_changes(
    directory: Path, clips: Sequence[Clip], options: Mapping[str, object], verify: bool = False
) -> str:
    """Say how a request differs from what a finished store was made from; empty if in nothing.

    Args:
        directory: of the store.
        clips: those of the request.
        options: those of the request.
        verify: whether to compare the contents of files whose size and time are the same.
    """
    manifest = json_object(directory / STORE, {"ids": list, "options": dict})
    was = manifest["options"]
    changes = [
        f"{name} was {was.get(name)} and is now {value}"
        for name, value in options.items()
        if was.get(name) != value
    ]
    changes += _changed_clips(_sources(directory, manifest), clips, verify)
    if not changes and manifest.get("listing") != listing_digest(clips):
        changes.append("labels or parts of clips changed")
    return ", ".join(changes)


def _sources(directory: Path, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what each clip of a store, or unreadable beside it, was made from."""
    entries = read_journal(directory / JOURNAL, {"id": str, "source": str}, skip=1)
    journal = {entry["id"]: entry["source"] for entry in entries}
    prepared = {str(name): journal.get(str(name), "") for name in manifest["ids"]}
    unreadable = manifest.get("unreadable_sources")
    return prepared | (unreadable if isinstance(unreadable, dict) else {})


def _changed_clips(sources: Mapping[str, str], clips: Sequence[Clip], verify: bool) -> list[str]:
    now = {clip.id: clip for clip in clips}
    both = sorted(now.keys() & sources.keys())
    counts = {
        "new": sorted(now.keys() - sources.keys()),
        "gone": sorted(sources.keys() - now.keys()),
        "changed": [name for name in both if not is_source(now[name], sources[name], verify)],
    }
    return [f"{len(ids)} clips {kind} (first: {ids[0]})" for kind, ids in counts.items() if ids]
