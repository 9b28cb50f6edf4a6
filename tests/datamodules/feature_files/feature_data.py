"""Small feature files in the layout that MMSA reads."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

Content = dict[str, Any]
SIZES = {"train": 7, "valid": 4, "test": 3}


def make_split(samples: int, seed: int, steps: tuple[int, int, int]) -> Content:
    """One split with the types of CH-SIMS v2: float64 arrays, lists of names."""
    rng = np.random.default_rng(seed)
    text, audio, vision = steps
    lengths = rng.integers(1, np.array(steps) + 1, (samples, 3))
    mask = np.arange(text) < lengths[:, :1]
    own = {f"regression_labels_{key}": rng.uniform(-1, 1, samples) for key in "TAV"}
    return {
        "raw_text": [f"文 {row}" for row in range(samples)],
        "id": [f"video{seed}$_${row:04d}" for row in range(samples)],
        "text": rng.normal(size=(samples, text, 6)),
        "text_bert": np.stack([mask, mask, 0 * mask], axis=1).astype(np.float64),
        "audio": rng.normal(5, 2, size=(samples, audio, 3)),
        "vision": rng.normal(size=(samples, vision, 4)),
        "audio_lengths": lengths[:, 1].tolist(),
        "vision_lengths": lengths[:, 2],
        "annotations": ["Neutral"] * samples,
        "regression_labels": rng.uniform(-1, 1, samples),
        **own,
    }


def make_content() -> Content:
    """What an unaligned file holds, and the settings that MMSA-FET adds."""
    splits = [make_split(n, seed, (5, 9, 7)) for seed, n in enumerate(SIZES.values())]
    return {**dict(zip(SIZES, splits)), "config": {"audio": {"tool": "librosa"}}}


def make_aligned_content() -> Content:
    """What an aligned file holds: one number of steps, no lengths, no labels by modality."""
    content: Content = {}
    for seed, (name, samples) in enumerate(SIZES.items()):
        split = make_split(samples, seed, (5, 5, 5))
        left_out = ("audio_lengths", "vision_lengths", *(f"regression_labels_{k}" for k in "TAV"))
        content[name] = {key: value for key, value in split.items() if key not in left_out}
    return content


def save(content: object, path: Path, protocol: int = 4) -> Path:
    """Pickle `content`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol))
    return path
