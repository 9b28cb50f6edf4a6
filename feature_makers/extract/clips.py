"""Extracts sound and sight of one clip, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.store.clip import Clip, UnreadableClipError
from datamodules.store.source import are_unchanged, record_files
from feature_makers.extract.cache import FeatureCache
from feature_makers.extract.openface import read_openface
from feature_makers.extract.options import ExtractOptions


def extract_clip(
    clip: Clip, options: ExtractOptions, cache: FeatureCache, verify: bool = False
) -> None:
    """Put what is not yet in the cache there.

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
    made_of = json.loads(key) if key else None
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
