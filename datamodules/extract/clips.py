"""Extracts sound and sight of one clip, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.extract.cache import FeatureCache
from datamodules.extract.openface import read_openface
from datamodules.extract.options import ExtractOptions
from datamodules.prepare.clip import Clip, UnreadableClipError


def extract_clip(clip: Clip, options: ExtractOptions, cache: FeatureCache) -> None:
    """Put what is not yet in the cache there.

    Raises:
        UnreadableClipError: the clip or OpenFace's table of it is missing or damaged, or
            features are not finite.
    """
    for modality, key in clip_keys(clip, options).items():
        if not cache.has(modality, clip.id, key):
            features = _features(modality, clip, options)
            if not np.isfinite(features).all():
                raise UnreadableClipError(f"its {modality} features hold NaN or infinity")
            cache.put(modality, clip.id, key, features)


def clip_keys(clip: Clip, options: ExtractOptions) -> dict[str, str]:
    """Return by modality what decides a clip's features: its file's size, and options.

    Sizes and not paths or times: clips may be moved or copied.
    """
    pitch = options.pitch if options.variant == "paper" else None
    keys = {"audio": json.dumps([_size(clip.sound), options.variant, pitch])}
    if clip.picture != clip.sound:
        groups = sorted(set(options.groups))
        keys["visual"] = json.dumps([_size(clip.picture), groups, options.frames_per_step])
    return keys


def _features(modality: str, clip: Clip, options: ExtractOptions) -> NDArray[np.float32]:
    """Return `[L, D]` of one modality."""
    if modality == "visual":
        return read_openface(clip.picture, options.groups, options.frames_per_step)
    # Librosa takes seconds to import; what is up to date needs none of it.
    from datamodules.extract.audio import librosa_features, read_wave

    wave = read_wave(clip.sound)
    return librosa_features(wave, variant=options.variant, pitch=options.pitch)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
