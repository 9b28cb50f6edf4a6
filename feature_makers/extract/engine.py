"""Extracts the features of many clips: only what is not yet there, and in parallel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from datamodules.store.clip import Clip
from datamodules.store.engine import SHOWN_FAILURES, Watch
from datamodules.store.failures import FailureList
from datamodules.store.store import UNREADABLE
from datamodules.store.workers import Workers
from feature_makers.extract.cache import FeatureCache
from feature_makers.extract.clips import extract_clip, missing_parts
from feature_makers.extract.labels import Utterance
from feature_makers.extract.options import ExtractOptions
from snn_mm.errors import UserError
from snn_mm.run.lock import holder, lock_file


@dataclass(frozen=True)
class Request:
    """What to extract and how.

    Attributes:
        utterances: the clips.
        directory: of the features of single clips, see `FeatureCache`.
        options: what decides the features.
        workers: number of processes; decides nothing but the time it takes.
        max_unreadable: the largest share of clips that may be left out.
        verify: compare the contents of files with what was extracted, too, not only size and time.
    """

    utterances: Sequence[Utterance]
    directory: Path
    options: ExtractOptions = field(default_factory=ExtractOptions)
    workers: int = 1
    max_unreadable: float = 0.02
    verify: bool = False


@dataclass(frozen=True)
class Extraction:
    """What has been extracted.

    Attributes:
        cache: where it lies.
        utterances: those that could be read.
        extracted: clips that this start has decoded.
        unreadable: the reason by id of each clip that is left out.
    """

    cache: FeatureCache
    utterances: list[Utterance]
    extracted: int
    unreadable: dict[str, str]


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Make a directory and keep other processes from extracting into it.

    Raises:
        UserError: another process holds it, or it can't be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = lock_file(directory / ".lock")
        if lock is None:
            who = holder(directory / ".lock")
            raise UserError(f"{directory} is in use by another process; wait for its end{who}")
        with lock:
            yield
    except OSError as error:
        raise UserError(
            f"features can't be written to {directory} ({error.strerror}); what is there is kept.\n"
            "accepted: a --root with write access and space; then start again"
        ) from error


def extract(request: Request, watch: Watch) -> Extraction:
    """Extract sound and sight; killed at any moment, the next start goes on where this one was.

    Raises:
        UserError: too many clips are unreadable.
    """
    cache, clips = FeatureCache(request.directory), [each.clip for each in request.utterances]
    to_do = [c for c in clips if missing_parts(c, request.options, cache, request.verify)]
    failures, done = dict[str, str](), len(clips) - len(to_do)
    watch(done, len(clips), 0)
    with FailureList(request.directory / UNREADABLE) as listing:
        for clip, reason in _outcomes(to_do, request, cache):
            if reason is not None:
                failures[clip.id] = reason
                listing.add(clip, reason)
            done += 1
            watch(done, len(clips), len(failures))
            if len(failures) > request.max_unreadable * len(clips):
                raise UserError(_too_many(request, failures, listing.path))
    readable = [each for each in request.utterances if each.clip.id not in failures]
    return Extraction(cache, readable, len(to_do) - len(failures), failures)


def _outcomes(
    clips: Sequence[Clip], request: Request, cache: FeatureCache
) -> Iterator[tuple[Clip, str | None]]:
    """Yield each clip when it is done, with the reason if it can't be read."""
    work = partial(extract_clip, options=request.options, cache=cache, verify=request.verify)
    # Workers hand on whatever their function returns, here nothing; their types name one result.
    with Workers(min(request.workers, len(clips)), cast(Any, work)) as workers:
        yield from cast("Iterator[tuple[Clip, str | None]]", workers.outcomes(clips))


def _too_many(request: Request, failures: dict[str, str], listing: Path) -> str:
    first = "\n".join(
        f"  {name}: {reason}"[:160] for name, reason in list(failures.items())[:SHOWN_FAILURES]
    )
    return (
        f"{len(failures)} of {len(request.utterances)} clips can't be read, more than "
        f"max_unreadable {request.max_unreadable:g}:\n{first}\n"
        f"  all so far: {listing}\n"
        "what is extracted is kept: mend them or raise --max_unreadable, and start again"
    )
