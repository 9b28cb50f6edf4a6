"""Prepares a data set: decodes what is not yet in its store, then makes the store readable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from datamodules.store.clip import Clip, DecodedClip, DecodeOptions
from datamodules.store.folders import IMAGES
from datamodules.store.frames import read_frames, read_picture
from datamodules.store.journal import describe_changes, describe_source, listing_digest
from datamodules.store.media import read_extent
from datamodules.store.processing import FailureList, OnProgress, ProcessingOptions, exclusive
from datamodules.store.sound import read_sound
from datamodules.store.store import STORE, ClipStore, check_whole
from datamodules.store.workers import Workers
from datamodules.store.writer import ClipStoreWriter
from snn_mm.errors import UserError
from snn_mm.run.replace import DISK_ERRORS, unwritable

PARTS = ("train", "val", "test", "")
"""What lists may say of a clip; the last where none says anything."""


@dataclass(frozen=True)
class PrepareRequest:
    """What to prepare and how.

    Attributes:
        clips: of the data set; their order does not matter.
        class_names: K names.
        directory: of the store.
        decoding: what decides the contents.
        processing: what decides none of them.
        update: bring a finished store up to date.
    """

    clips: Sequence[Clip]
    class_names: Sequence[str]
    directory: Path
    decoding: DecodeOptions = field(default_factory=DecodeOptions)
    processing: ProcessingOptions = field(default_factory=ProcessingOptions)
    update: bool = False


@dataclass(frozen=True)
class Preparation:
    """What has been prepared.

    Attributes:
        store: now finished.
        decoded: clips that this start has decoded.
    """

    store: ClipStore
    decoded: int


def prepare(request: PrepareRequest, on_progress: OnProgress) -> Preparation:
    """Prepare a data set; killed at any moment, the next start goes on where this one was.

    Raises:
        UserError: too many clips are unreadable, the store was made from something else, another
            process is preparing it, or it can't be written.
    """
    check_clips(request.clips, request.class_names)
    with exclusive(request.directory, "being prepared", _cannot_write):
        decoded = 0 if _is_up_to_date(request) else _decode(request, on_progress)
        return Preparation(ClipStore(request.directory), decoded)


def check_clips(clips: Sequence[Clip], class_names: Sequence[str]) -> None:
    """Refuse no clips, names that repeat, labels that are no class, and unknown parts.

    Raises:
        UserError: names the first such clip.
    """
    if not clips:
        raise UserError("no clip was found, so there is nothing to prepare")
    seen: set[str] = set()
    for clip in clips:
        if clip.id in seen:
            raise UserError(f"two clips are called '{clip.id}'; accepted are names that differ")
        if not 0 <= clip.label < len(class_names):
            raise UserError(
                f"label {clip.label} of clip '{clip.id}' is out of range: "
                f"accepted are 0 to {len(class_names) - 1}"
            )
        if clip.part not in PARTS:
            raise UserError(
                f"part '{clip.part}' of clip '{clip.id}': accepted are train, val, test"
            )
        seen.add(clip.id)


def _is_up_to_date(request: PrepareRequest) -> bool:
    """Whether nothing is to be done; refuses a store that was made from something else."""
    directory, options = request.directory, asdict(request.decoding)
    if request.update or not (directory / STORE).is_file():
        return False
    if changes := describe_changes(directory, request.clips, options, request.processing.verify):
        raise UserError(
            f"{directory} was prepared from something else: {changes}.\n"
            "--update brings it up to date, keeping what has not changed;\n"
            "--root DIR prepares another one beside it"
        )
    if request.processing.verify:
        check_whole(directory)
    return True


def _decode(request: PrepareRequest, on_progress: OnProgress) -> int:
    """Decode what is not in the store into it, finish it, and return how many clips those were."""
    clips, options = request.clips, request.processing
    with ClipStoreWriter(request.directory, asdict(request.decoding)) as writer:
        to_do = [clip for clip in clips if not writer.has(clip, options.verify)]
        done, decode = len(clips) - len(to_do), partial(decode_clip, options=request.decoding)
        with (
            FailureList(
                request.directory, len(clips), done, options.max_unreadable, on_progress
            ) as failures,
            Workers(min(options.workers, len(to_do)), decode) as workers,
        ):
            for clip, decoded in failures.readable(workers.outcomes(to_do)):
                writer.add(clip, decoded)
        left_out = [clip for clip in clips if clip.id in failures.reasons]
        facts = {
            "name": request.directory.name,
            "listing": listing_digest(clips),
            "unreadable": len(left_out),
            "unreadable_sources": {clip.id: describe_source(clip) for clip in left_out},
        }
        readable = [clip for clip in clips if clip.id not in failures.reasons]
        writer.finish(readable, request.class_names, facts)
    return len(to_do) - len(left_out)


def decode_clip(clip: Clip, options: DecodeOptions) -> DecodedClip:
    """Decode a clip.

    Raises:
        UnreadableClipError: something of it is missing or damaged; says what.
    """
    source = describe_source(clip)  # before: what replaces a file from now on is another source
    # The whole file is checked even for a stretch of it: damage elsewhere is no reason to trust it.
    heard = read_extent(clip.sound)
    sample_rate, sound = read_sound(clip.sound, clip.start, clip.end)
    if clip.picture.suffix.lower() in IMAGES:
        return DecodedClip(sample_rate, sound, [read_picture(clip.picture, options)], source)
    seen = heard if clip.picture == clip.sound else read_extent(clip.picture)
    stop = seen.picture if clip.end is None else min(clip.end, seen.picture)
    frames = read_frames(clip.picture, clip.start, stop, options)
    return DecodedClip(sample_rate, sound, frames, source)


def _cannot_write(directory: Path, error: OSError) -> str:
    kept = "; what is prepared is kept" if error.errno in DISK_ERRORS else ""
    return (
        f"{unwritable(directory, error)}{kept}\n"
        "accepted: a --root with write access and space; then start again"
    )
