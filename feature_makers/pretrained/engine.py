"""Runs a network over many videos: only over those that are new, and decoding ahead."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datamodules.store.clip import Clip, UnreadableClipError
from datamodules.store.engine import Watch
from datamodules.store.failures import FailureList
from datamodules.store.folders import FILMS, find_files
from datamodules.store.source import Record, are_unchanged, record_files
from datamodules.store.store import UNREADABLE
from feature_makers.pretrained.encoders import VideoEncoder
from feature_makers.pretrained.output import FeatureOutput
from snn_mm.errors import UserError
from snn_mm.run.replace import replacing

FACTS = "features.json"

Read = tuple[Record, Tensor | str]
"""What a video was read from, and its content `[L, ...]` or why it can't be read."""


@dataclass(frozen=True)
class Outcome:
    """What has been encoded.

    Attributes:
        encoded: videos that this start has encoded.
        unreadable: the reason by name of each video that is left out.
    """

    encoded: int
    unreadable: dict[str, str]


def find_videos(source: Path) -> list[Clip]:
    """List the videos of a folder by name; a video's name is its file's without suffix.

    Raises:
        UserError: there is none, or two have the same name.
    """
    files = find_files(source, FILMS)
    if not files:
        known = ", ".join(sorted(FILMS))
        raise UserError(f"{source} holds no video; accepted are <name> with {known}.")
    named: dict[str, Path] = {}
    for path in files:
        if other := named.get(path.stem):
            raise UserError(f"{other} and {path} have one name; accepted are names that differ.")
        named[path.stem] = path
    return [Clip(name, 0, "", path, path) for name, path in named.items()]


def encode_videos(
    videos: Sequence[Clip],
    encoder: VideoEncoder,
    output: FeatureOutput,
    watch: Watch,
    workers: int = 1,
    max_unreadable: float = 0.02,
    verify: bool = False,
) -> Outcome:
    """Encode what is not yet in `output`; killed at any moment, the next start goes on there.

    Features of a video whose file is another one since are dropped, and made again.

    Args:
        videos: what to encode.
        encoder: a network.
        output: where the features go.
        watch: is told how far the work is.
        workers: how many videos are decoded at the same time.
        max_unreadable: the largest share of videos that may be left out.
        verify: whether to compare contents of files whose size and time are the same.

    Raises:
        UserError: too many videos are unreadable, or other features are there already.
    """
    check_facts(output.directory, encoder.facts)
    done, failures = _drop_outdated(videos, output, verify), dict[str, str]()
    to_do = [video for video in videos if video.id not in done]
    present, total = len(videos) - len(to_do), len(videos)
    watch(present, total, 0)
    with FailureList(output.directory / UNREADABLE) as listing:
        decoded = _decode(to_do, encoder, workers)
        for count, (video, (source, content)) in enumerate(decoded, start=1):
            features = _encode(content, encoder)
            if isinstance(features, str):
                failures[video.id] = features
                listing.add(video, features)
            else:
                output.add(video.id, features, source)
            watch(present + count, total, len(failures))
            if len(failures) > max_unreadable * total:
                raise UserError(_too_many(failures, total, listing.path))
    output.finish()
    return Outcome(len(to_do) - len(failures), failures)


def _drop_outdated(videos: Sequence[Clip], output: FeatureOutput, verify: bool) -> set[str]:
    """Drop the features of videos that are other files now; return the names of all the others.

    Features without a record are not of this command, or of an earlier release of it: they count as
    made of the files as they are.
    """
    names, sources = output.names(), output.sources()
    present = [video for video in videos if video.id in names]
    for video in present:
        sources.setdefault(video.id, record_files([video.picture], content=False))
    outdated = {
        video.id
        for video in present
        if not are_unchanged([video.picture], sources[video.id], verify)
    }
    output.drop(outdated)
    kept = names - outdated
    output.write_sources({name: sources[name] for name in sorted(sources.keys() & kept)})
    return kept


def _decode(
    videos: Iterable[Clip], encoder: VideoEncoder, workers: int
) -> Iterator[tuple[Clip, Read]]:
    """Yield each video with what was read of it, in order."""
    waiting: deque[tuple[Clip, Future[Read]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for video in videos:
            waiting.append((video, pool.submit(_read, video, encoder)))
            if len(waiting) > workers:
                first, content = waiting.popleft()
                yield first, content.result()
        for video, content in waiting:
            yield video, content.result()


def _read(video: Clip, encoder: VideoEncoder) -> Read:
    source = record_files([video.picture])
    try:
        return source, encoder.read(video.picture)
    except UnreadableClipError as error:
        return source, str(error)


def _encode(content: Tensor | str, encoder: VideoEncoder) -> NDArray[np.float32] | str:
    """Return the features `[...]` of what was read, or why there are none."""
    if isinstance(content, str):
        return content
    features = encoder.encode(content).astype(np.float32, copy=False)
    return features if np.isfinite(features).all() else "the network gives NaN or infinity for it"


def check_facts(directory: Path, facts: dict[str, object]) -> None:
    """Write down what makes the features, or refuse to mix them with others.

    Raises:
        UserError: the directory holds features of other weights, frames or sound.
    """
    path = directory / FACTS
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(facts, indent=2) + "\n")
        return
    found = json.loads(path.read_text())
    if changed := [name for name in facts if facts[name] != found.get(name)]:
        raise UserError(
            f"{directory} holds features made otherwise: {', '.join(changed)} in {FACTS} differ.\n"
            "accepted is the same network, or another --output"
        )


def _too_many(failures: dict[str, str], total: int, listing: Path) -> str:
    name, reason = next(iter(failures.items()))
    return (
        f"{len(failures)} of {total} videos can't be read, such as {name}: {reason}"[:300]
        + f"\nall of them are in {listing}; --max_unreadable SHARE leaves more of them out"
    )
