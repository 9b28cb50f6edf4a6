"""Extracts the features of many clips: only what is not yet there, and in parallel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from datamodules.store.clip import Clip, UnreadableClipError
from datamodules.store.processing import FailureList, OnProgress, ProcessingOptions
from datamodules.store.source import are_unchanged, record_files
from datamodules.store.workers import Workers
from feature_makers.extract.labels import LabelledUtterance
from feature_makers.extract.openface import read_openface
from feature_makers.extract.options import ExtractOptions
from snn_mm.errors import UserError
from snn_mm.reading.arrays import read_entries
from snn_mm.reading.json_files import parse_json
from snn_mm.run.replace import replacing, unwritable


@dataclass(frozen=True)
class FeatureCache:
    """One file a clip and modality, valid only for the key it was written with.

    Attributes:
        directory: such as `data/extracted/my_clips`; what lies there may be deleted.
    """

    directory: Path

    def path(self, modality: str, clip: str) -> Path:
        """Return where the features of a clip lie, whatever signs its name has."""
        return self.directory / modality / f"{quote(clip, safe='$')}.npz"

    def key(self, modality: str, clip: str) -> str | None:
        """Return the key of the features that are there; None without any, or with damaged ones."""
        try:
            return str(read_entries(self.path(modality, clip), ["key", "features"])["key"])
        except UserError:
            return None

    def put(self, modality: str, clip: str, key: str, features: NDArray[np.float32]) -> None:
        """Write the features `[L, D]` of a clip; a kill leaves no half file."""
        path = self.path(modality, clip)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, features=features, key=np.array(key))

    def read(self, modality: str, clip: str) -> NDArray[np.float32]:
        """Return the features `[L, D]` of a clip that is there."""
        return read_entries(self.path(modality, clip), ["features"])["features"]


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
    utterances: list[LabelledUtterance]
    extracted: int
    unreadable: dict[str, str]


def cannot_write(directory: Path, error: OSError) -> str:
    """Say that a directory can't be written."""
    return (
        f"{unwritable(directory, error)}; what is there is kept\n"
        "accepted: a --root with write access and space; then start again"
    )


def extract(
    utterances: Sequence[LabelledUtterance],
    cache: FeatureCache,
    options: ExtractOptions,
    processing: ProcessingOptions,
    on_progress: OnProgress,
) -> Extraction:
    """Extract sound and sight; killed at any moment, the next start goes on where this one was.

    Raises:
        UserError: too many clips are unreadable.
    """
    work = partial(extract_clip, options=options, cache=cache, verify=processing.verify)
    clips = [each.clip for each in utterances]
    to_do = [c for c in clips if missing_parts(c, options, cache, processing.verify)]
    done, share = len(clips) - len(to_do), processing.max_unreadable
    with (
        FailureList(cache.directory, len(clips), done, share, on_progress, "extracted") as failures,
        Workers(min(processing.workers, len(to_do)), work) as workers,
    ):
        for _ in failures.readable(workers.outcomes(to_do)):
            pass  # a worker puts its features into the cache itself
    readable = [each for each in utterances if each.clip.id not in failures.reasons]
    extracted = len(to_do) - len(failures.reasons)
    return Extraction(cache, readable, extracted, failures.reasons)


def extract_clip(
    clip: Clip, options: ExtractOptions, cache: FeatureCache, verify: bool = False
) -> None:
    """Put what is not yet in the cache there; arguments are those of `missing_parts`.

    Raises:
        UnreadableClipError: the clip or OpenFace's table of it is missing or damaged, or
            features are not finite.
    """
    for modality, path in missing_parts(clip, options, cache, verify).items():
        # Recorded before: what replaces the file from now on is another source.
        made_of = {"options": _settings(modality, options), "source": record_files([path])}
        features = _features(modality, clip, options)
        if not np.isfinite(features).all():
            raise UnreadableClipError(f"its {modality} features hold NaN or infinity")
        cache.put(modality, clip.id, json.dumps(made_of), features)


def missing_parts(
    clip: Clip, options: ExtractOptions, cache: FeatureCache, verify: bool = False
) -> dict[str, Path]:
    """Return by modality the file of what is not in the cache as options and file have it now.

    Args:
        clip: whose features.
        options: what decides them, beside the files.
        cache: where they may be.
        verify: whether to compare contents of files whose size and time are the same.
    """
    files = {"audio": clip.sound}
    if clip.picture != clip.sound:
        files["visual"] = clip.picture
    return {
        modality: path
        for modality, path in files.items()
        if not _is_made_of(cache.key(modality, clip.id), path, _settings(modality, options), verify)
    }


def _is_made_of(key: str | None, path: Path, settings: list[object], verify: bool) -> bool:
    """Whether a key says that features were made of a file as it is, and with these settings."""
    try:
        made_of = parse_json(key or "null", path)
    except UserError:
        return False
    return (
        isinstance(made_of, dict)
        and made_of.get("options") == settings
        and are_unchanged([path], made_of.get("source"), verify)
    )


def _settings(modality: str, options: ExtractOptions) -> list[object]:
    """Return the options that decide the features of a modality."""
    if modality == "visual":
        return [sorted(set(options.groups)), options.frames_per_step]
    return [options.variant, options.pitch if options.variant == "paper" else None]


def _features(modality: str, clip: Clip, options: ExtractOptions) -> NDArray[np.float32]:
    """Return `[L, D]` of one modality."""
    if modality == "visual":
        return read_openface(clip.picture, options.groups, options.frames_per_step)
    # Librosa takes seconds to import; what is up to date needs none of it.
    from feature_makers.extract.audio import librosa_features, read_wave

    wave = read_wave(clip.sound)
    return librosa_features(wave, variant=options.variant, pitch=options.pitch)
