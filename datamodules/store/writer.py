"""Writes a store clip by clip; killed at any moment, it goes on where it was."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.store.clip import Clip, DecodedClip
from datamodules.store.digests import write_digests
from datamodules.store.journal import JournalEntry, is_source, json_line, read_journal
from datamodules.store.store import (
    CLIP_TYPE,
    CLIPS,
    FRAME_DATA,
    FRAME_TYPE,
    FRAMES,
    JOURNAL,
    LAYOUT,
    SOUND_DATA,
    SOUND_TYPE,
    STORE,
)
from snn_mm.run.replace import replacing

ENTRY: dict[str, type] = {
    "id": str,
    "source": str,
    "sample_rate": int,
    "sound_at": int,
    "samples": int,
    "frames_at": int,
    "frame_bytes": list,
    "digest": str,
}
"""What a line of the journal must have."""


class ClipStoreWriter:
    """Appends clips to a store that is not finished.

    Sound and frames are written first and then their line in the journal: what has no line was
    never written, and is cut off at the next start.

    Args:
        directory: of the store, which must exist.
        options: what decides the contents beside the clips; a journal of others is dropped.
    """

    def __init__(self, directory: Path, options: Mapping[str, object]) -> None:
        self.directory = directory
        self.options = dict(options)
        # Without its manifest the store counts as unfinished for every reader.
        (directory / STORE).unlink(missing_ok=True)
        self.entries = {entry.id: entry for entry in self._resume()}
        self._sound = _open_end(directory / SOUND_DATA)
        self._frames = _open_end(directory / FRAME_DATA)
        self._journal = _open_end(directory / JOURNAL)

    def __enter__(self) -> ClipStoreWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._sound, self._frames, self._journal):
            file.close()

    def add(self, clip: Clip, decoded: DecodedClip) -> None:
        """Append a clip; its line in the journal comes last."""
        sound = decoded.sound.astype(SOUND_TYPE, copy=False)
        entry = JournalEntry(
            id=clip.id,
            source=decoded.source,
            sample_rate=decoded.sample_rate,
            sound_at=_append(self._sound, sound.tobytes()),
            samples=len(sound),
            frames_at=_append(self._frames, b"".join(decoded.frames)),
            frame_bytes=[len(frame) for frame in decoded.frames],
            digest=clip_digest(decoded.sample_rate, sound.tobytes(), decoded.frames),
        )
        _append(self._journal, json_line(dataclasses.asdict(entry)))
        self.entries[clip.id] = entry

    def has(self, clip: Clip, verify: bool = False) -> bool:
        """Whether a clip is prepared from the files as they are now; see `is_source`."""
        entry = self.entries.get(clip.id)
        return entry is not None and is_source(clip, entry.source, verify)

    def finish(
        self, clips: Sequence[Clip], class_names: Sequence[str], facts: Mapping[str, object]
    ) -> str:
        """Make the store readable and return its fingerprint.

        Args:
            clips: those that are in the store; their labels and parts count, whatever was said
                of them when they were decoded.
            class_names: K names.
            facts: what else the manifest shall say.
        """
        for file in (self._sound, self._frames, self._journal):
            os.fsync(file.fileno())
        ordered = sorted(clips, key=lambda clip: clip.id)
        entries = [self.entries[clip.id] for clip in ordered]
        _save(self.directory / CLIPS, _clip_rows(ordered, entries))
        _save(self.directory / FRAMES, _frame_rows(entries))
        rows = [(c.id, c.label, c.part, e.digest) for c, e in zip(ordered, entries)]
        fingerprint = store_fingerprint(self.options, class_names, rows)
        manifest = {
            "layout": LAYOUT,
            "fingerprint": fingerprint,
            "options": self.options,
            "class_names": list(class_names),
            **facts,
            "ids": [clip.id for clip in ordered],
            "parts": [clip.part for clip in ordered],
        }
        write_digests(self.directory, (CLIPS, FRAMES, SOUND_DATA, FRAME_DATA))
        with replacing(self.directory / STORE) as temporary:
            temporary.write_text(json.dumps(manifest, indent=1) + "\n")
        return fingerprint

    def _resume(self) -> Iterator[JournalEntry]:
        """Yield what an earlier start has written, and cut off what it was writing."""
        header = {"layout": LAYOUT, "options": self.options}
        first = next(read_journal(self.directory / JOURNAL, {}), None)
        if first != header:
            # Unlinked, not cut: a reader that still has the old files open keeps them.
            for name in (JOURNAL, SOUND_DATA, FRAME_DATA):
                (self.directory / name).unlink(missing_ok=True)
            (self.directory / JOURNAL).write_bytes(json_line(header))
            return
        lines = read_journal(self.directory / JOURNAL, ENTRY, skip=1)
        known = ({name: fields[name] for name in ENTRY} for fields in lines)
        entries = list(self._intact(JournalEntry(**fields) for fields in known))
        with replacing(self.directory / JOURNAL) as temporary:
            temporary.write_bytes(
                b"".join(map(json_line, [header, *map(dataclasses.asdict, entries)]))
            )
        sound_end = max((e.sound_at + e.samples * SOUND_TYPE.itemsize for e in entries), default=0)
        frames_end = max((e.frames_at + sum(e.frame_bytes) for e in entries), default=0)
        _cut(self.directory / SOUND_DATA, sound_end)
        _cut(self.directory / FRAME_DATA, frames_end)
        yield from entries

    def _intact(self, entries: Iterator[JournalEntry]) -> Iterator[JournalEntry]:
        """Leave out what a crash of the machine kept from reaching the disk."""
        sound_path, frame_path = self.directory / SOUND_DATA, self.directory / FRAME_DATA
        if not (sound_path.is_file() and frame_path.is_file()):
            return
        with sound_path.open("rb") as sound_file, frame_path.open("rb") as frame_file:
            for entry in entries:
                if not _is_inside(entry, sound_path.stat().st_size, frame_path.stat().st_size):
                    continue
                sound_file.seek(entry.sound_at)
                frame_file.seek(entry.frames_at)
                sound = sound_file.read(entry.samples * SOUND_TYPE.itemsize)
                frames = [frame_file.read(size) for size in entry.frame_bytes]
                if clip_digest(entry.sample_rate, sound, frames) == entry.digest:
                    yield entry


def _is_inside(entry: JournalEntry, sound_size: int, frame_size: int) -> bool:
    """Whether an entry lies in files of these sizes; a damaged one may point anywhere."""
    sizes = [*entry.frame_bytes, entry.samples, entry.sound_at, entry.frames_at]
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        return False
    sound_end = entry.sound_at + entry.samples * SOUND_TYPE.itemsize
    return sound_end <= sound_size and entry.frames_at + sum(entry.frame_bytes) <= frame_size


def _clip_rows(clips: Sequence[Clip], entries: Sequence[JournalEntry]) -> NDArray[Any]:
    """Rows of `clips.npy`, `[N]`."""
    frames = [len(entry.frame_bytes) for entry in entries]
    first = np.cumsum([0, *frames])[:-1]
    rows = [
        (clip.label, entry.sample_rate, entry.sound_at, entry.samples, frame, count)
        for clip, entry, frame, count in zip(clips, entries, first, frames)
    ]
    return np.array(rows, CLIP_TYPE)


def _frame_rows(entries: Sequence[JournalEntry]) -> NDArray[Any]:
    """Rows of `frames.npy`, one a frame."""
    rows = []
    for entry in entries:
        ends = np.cumsum(entry.frame_bytes)
        starts = entry.frames_at + ends - entry.frame_bytes
        rows += list(zip(starts.tolist(), entry.frame_bytes))
    return np.array(rows, FRAME_TYPE)


def store_fingerprint(
    options: Mapping[str, object],
    class_names: Sequence[str],
    rows: Iterable[tuple[str, int, str, str | None]],
) -> str:
    """16 hexadecimal digits of contents, labels, parts and options, not of time or place.

    Args:
        options: what decides the contents beside the clips.
        class_names: K names.
        rows: id, label, part and `clip_digest` of each clip, in the order of the ids.
    """
    header = {"options": dict(options), "class_names": list(class_names)}
    sha = hashlib.sha256(json_line(header))
    for row in rows:
        sha.update(json_line(list(row)))
    return sha.hexdigest()[:16]


def clip_digest(sample_rate: int, sound: bytes, frames: Sequence[bytes]) -> str:
    """SHA-256 of what is stored of a clip."""
    sha = hashlib.sha256(f"{sample_rate} {len(sound)} {[len(f) for f in frames]}".encode())
    sha.update(sound)
    for frame in frames:
        sha.update(frame)
    return sha.hexdigest()


def _open_end(path: Path) -> io.FileIO:
    """Open a file to append to it, without a buffer that a kill would lose."""
    file = io.FileIO(path, "a+")
    file.seek(0, io.SEEK_END)
    return file


def _append(file: io.FileIO, data: bytes) -> int:
    """Write all of `data` and return where it begins."""
    begin = file.seek(0, io.SEEK_END)
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
    return begin


def _cut(path: Path, size: int) -> None:
    if path.is_file() and path.stat().st_size > size:
        os.truncate(path, size)


def _save(path: Path, array: NDArray[Any]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
