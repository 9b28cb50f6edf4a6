"""What has changed since a store was prepared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datamodules.store.clip import Clip
from datamodules.store.journal import is_source, read_journal
from datamodules.store.store import JOURNAL, STORE


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
    manifest = json.loads((directory / STORE).read_text())
    was = manifest.get("options", {})
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
    journal = {entry["id"]: entry["source"] for entry in read_journal(directory / JOURNAL, skip=1)}
    prepared = {name: journal.get(name, "") for name in manifest["ids"]}
    unreadable: dict[str, str] = manifest.get("unreadable_sources", {})
    return prepared | unreadable


def _changed_clips(sources: Mapping[str, str], clips: Sequence[Clip], verify: bool) -> list[str]:
    now = {clip.id: clip for clip in clips}
    both = sorted(now.keys() & sources.keys())
    counts = {
        "new": sorted(now.keys() - sources.keys()),
        "gone": sorted(sources.keys() - now.keys()),
        "changed": [name for name in both if not is_source(now[name], sources[name], verify)],
    }
    return [f"{len(ids)} clips {kind} (first: {ids[0]})" for kind, ids in counts.items() if ids]
