"""What has changed since a store was prepared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from datamodules.prepare.clip import Clip
from datamodules.prepare.journal import read_journal, source_key
from datamodules.prepare.store import JOURNAL, STORE


def source_digest(clips: Sequence[Clip]) -> str:
    """Return a digest of all that a finder says, and of the sizes of the files, not their paths."""
    rows = sorted([clip.id, clip.label, clip.part, source_key(clip)] for clip in clips)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def describe_changes(directory: Path, clips: Sequence[Clip], options: Mapping[str, object]) -> str:
    """Say how a request differs from what a finished store was made from; empty if in nothing."""
    manifest = json.loads((directory / STORE).read_text())
    was = manifest.get("options", {})
    changes = [
        f"{name} was {was.get(name)} and is now {value}"
        for name, value in options.items()
        if was.get(name) != value
    ]
    if manifest.get("source") != source_digest(clips):
        changes.append(_changed_clips(directory, clips))
    return ", ".join(changes)


def _changed_clips(directory: Path, clips: Sequence[Clip]) -> str:
    sources = {entry["id"]: entry["source"] for entry in read_journal(directory / JOURNAL, skip=1)}
    now = {clip.id: source_key(clip) for clip in clips}
    counts = {
        "new or mended": sorted(now.keys() - sources.keys()),
        "gone": sorted(sources.keys() - now.keys()),
        "changed": sorted(name for name in now if sources.get(name, now[name]) != now[name]),
    }
    found = [f"{len(ids)} clips {kind} (first: {ids[0]})" for kind, ids in counts.items() if ids]
    return ", ".join(found) or "labels or parts of clips changed"
