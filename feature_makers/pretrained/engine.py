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
from datamodules.store.folders import FILMS, find_files
from datamodules.store.processing import FailureList, OnProgress, ProcessingOptions
from datamodules.store.source import Record, are_unchanged, record_files
from feature_makers.pretrained.frames import VideoEncoder
from feature_makers.pretrained.output import FeatureOutput
from snn_mm.errors import UserError
from snn_mm.reading.json_files import json_object
from snn_mm.run.replace import replacing

FACTS = "features.json"

Read = tuple[Tensor, Record] | str
"""The content of a video `[L, ...]` and the record of its file, or why it can't be read."""


@dataclass(frozen=True)
class EncodedVideos:
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
    processing: ProcessingOptions,
    on_progress: OnProgress,
) -> EncodedVideos:
    """Encode what is not yet in `output`; killed at any moment, the next start goes on there.

    Features of a video whose file is another one since are dropped, and made again.

    Raises:
        UserError: too many videos are unreadable, or other features are there already.
    """
    check_facts(output.directory, encoder.facts)
    present = _drop_outdated(videos, output, processing.verify)
    to_do = [video for video in videos if video.id not in present]
    done, share = len(videos) - len(to_do), processing.max_unreadable
    with _VideoFailures(output.directory, len(videos), done, share, on_progress) as failures:
        encoded = _encode(to_do, encoder, processing.workers)
        for video, (features, source) in failures.readable(encoded):
            output.add(video.id, features, source)
    output.finish()
    return EncodedVideos(len(to_do) - len(failures.reasons), failures.reasons)


class _VideoFailures(FailureList):
    def too_many(self) -> str:
        name, reason = next(iter(self.reasons.items()))
        return (
            f"{len(self.reasons)} of {self.total} videos can't be read, such as {name}: {reason}"[
                :300
            ]
            + f"\nall of them are in {self.path}; --max_unreadable SHARE leaves more of them out"
        )


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


def _encode(
    videos: Sequence[Clip], encoder: VideoEncoder, workers: int
) -> Iterator[tuple[Clip, tuple[NDArray[np.float32], Record] | str]]:
    """Yield each video with its features `[...]` and its file's record, or why there are none."""
    for video, read in _read_ahead(videos, encoder, workers):
        if isinstance(read, str):
            yield video, read
            continue
        content, source = read
        features = encoder.encode(content).astype(np.float32, copy=False)
        is_finite = np.isfinite(features).all()
        yield video, (features, source) if is_finite else "the network gives NaN or infinity for it"


def _read_ahead(
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
        return encoder.read(video.picture), source
    except UnreadableClipError as error:
        return str(error)


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
    found = json_object(path)
    if changed := [name for name in facts if facts[name] != found.get(name)]:
        raise UserError(
            f"{directory} holds features made otherwise: {', '.join(changed)} in {FACTS} differ.\n"
            "accepted is the same network, or another --output"
        )
