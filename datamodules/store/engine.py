"""Prepares a data set: decodes what is not yet in its store, then makes the store readable."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from datamodules.store.changes import describe_changes, listing_digest
from datamodules.store.clip import Clip
from datamodules.store.decode import decode_clip
from datamodules.store.failures import FailureList
from datamodules.store.journal import describe_source
from datamodules.store.options import DecodeOptions
from datamodules.store.store import STORE, UNREADABLE, ClipStore
from datamodules.store.workers import Workers
from datamodules.store.writer import StoreWriter
from snn_mm.errors import UserError
from snn_mm.run.lock import holder, lock_file

PARTS = ("train", "val", "test", "")
"""What lists may say of a clip; the last where none says anything."""

SHOWN_FAILURES = 2
"""Unreadable clips that a message names; the file names them all."""


class Watch(Protocol):
    """Is told how far the work is."""

    def __call__(self, done: int, total: int, unreadable: int) -> None:
        """Take note; `done` counts the clips that are in the store or unreadable."""
        ...


@dataclass(frozen=True)
class Request:
    """What to prepare and how.

    Attributes:
        clips: of the data set; their order does not matter.
        class_names: K names.
        directory: of the store.
        decoding: what decides the contents.
        workers: number of processes; decides nothing but the time it takes.
        max_unreadable: the largest share of clips that may be left out.
        update: bring a finished store up to date.
        verify: compare the contents of files with what was prepared, too, not only size and time.
    """

    clips: Sequence[Clip]
    class_names: Sequence[str]
    directory: Path
    decoding: DecodeOptions = field(default_factory=DecodeOptions)
    workers: int = 1
    max_unreadable: float = 0.02
    update: bool = False
    verify: bool = False


@dataclass(frozen=True)
class Outcome:
    """What has been prepared.

    Attributes:
        store: now finished.
        decoded: clips that this start has decoded.
    """

    store: ClipStore
    decoded: int


def prepare(request: Request, watch: Watch) -> Outcome:
    """Prepare a data set; killed at any moment, the next start goes on where this one was.

    Raises:
        UserError: too many clips are unreadable, the store was made from something else, another
            process is preparing it, or it can't be written.
    """
    check_clips(request.clips, request.class_names)
    try:
        request.directory.mkdir(parents=True, exist_ok=True)
        with _held(request.directory):
            if _is_up_to_date(request):
                return Outcome(ClipStore(request.directory), 0)
            return _prepare(request, watch)
    except OSError as error:
        raise UserError(_cannot_write(request.directory, error)) from error


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
        if clip.part not in ("train", "val", "test", ""):
            raise UserError(
                f"part '{clip.part}' of clip '{clip.id}': accepted are train, val, test"
            )
        seen.add(clip.id)


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Keep other processes from preparing the same store."""
    lock = lock_file(directory / ".lock")
    if lock is None:
        who = holder(directory / ".lock")
        raise UserError(f"{directory} is being prepared by another process; wait for its end{who}")
    with lock:
        yield


def _is_up_to_date(request: Request) -> bool:
    """Whether nothing is to be done.

    Raises:
        UserError: the store is finished, but was made from something else.
    """
    if request.update or not (request.directory / STORE).is_file():
        return False
    changes = describe_changes(
        request.directory, request.clips, request.decoding.as_dict(), request.verify
    )
    if changes:
        raise UserError(
            f"{request.directory} was prepared from something else: {changes}.\n"
            "--update brings it up to date, keeping what has not changed;\n"
            "--root DIR prepares another one beside it"
        )
    return True


def _prepare(request: Request, watch: Watch) -> Outcome:
    with StoreWriter(request.directory, request.decoding.as_dict()) as writer:
        to_do = [clip for clip in request.clips if not writer.has(clip, request.verify)]
        failures = _decode(request, writer, to_do, watch)
        facts = {
            "name": request.directory.name,
            "listing": listing_digest(request.clips),
            "unreadable": len(failures),
            "unreadable_sources": {
                clip.id: describe_source(clip) for clip in request.clips if clip.id in failures
            },
        }
        readable = [clip for clip in request.clips if clip.id not in failures]
        writer.finish(readable, request.class_names, facts)
    return Outcome(ClipStore(request.directory), len(to_do) - len(failures))


def _decode(
    request: Request, writer: StoreWriter, to_do: Sequence[Clip], watch: Watch
) -> dict[str, str]:
    """Decode clips into the store; return the reason by id of each that can't be."""
    total, failures = len(request.clips), dict[str, str]()
    done, decode = total - len(to_do), partial(decode_clip, options=request.decoding)
    watch(done, total, 0)
    with (
        FailureList(request.directory / UNREADABLE) as listing,
        Workers(min(request.workers, len(to_do)), decode) as workers,
    ):
        for clip, outcome in workers.outcomes(to_do):
            if isinstance(outcome, str):
                failures[clip.id] = outcome
                listing.add(clip, outcome)
            else:
                writer.add(clip, outcome)
            done += 1
            watch(done, total, len(failures))
            if len(failures) > request.max_unreadable * total:
                raise UserError(_too_many(request, failures, listing.path))
    return failures


def _too_many(request: Request, failures: dict[str, str], listing: Path) -> str:
    first = "\n".join(
        f"  {name}: {reason}"[:160] for name, reason in list(failures.items())[:SHOWN_FAILURES]
    )
    return (
        f"{len(failures)} of {len(request.clips)} clips can't be read, more than "
        f"max_unreadable {request.max_unreadable:g}:\n{first}\n"
        f"  all so far: {listing}\n"
        "what is prepared is kept: mend them or raise --max_unreadable, and start again"
    )


def _cannot_write(directory: Path, error: OSError) -> str:
    kept = "; what is prepared is kept" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return (
        f"prepared data can't be written to {directory} ({error.strerror}){kept}.\n"
        "accepted: a --root with write access and space; then start again"
    )
