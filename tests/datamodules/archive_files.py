"""UTD-MHAD and GRID as archives in the real layout, with made-up recordings, small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from datamodules.archives.movements import ACTIONS
from datamodules.archives.sentences import VOCABULARY

Arrays = dict[str, Any]


def made_mhad(classes: int = 3, trials: int = 2) -> Arrays:
    """Recordings of the first actions by all eight subjects, whom nothing but a class moves."""
    rng = np.random.default_rng(0)
    rows = [
        (label, subject, trial)
        for subject in range(8)
        for label in range(classes)
        for trial in range(1, trials + 1)
    ]
    label, subject, trial = np.array(rows).T
    seen, felt = 5 + rng.integers(0, 4, len(rows)), 11 + rng.integers(0, 9, len(rows))
    joints = [
        _standing(count, subject=s, action=k, rng=rng) for k, s, count in zip(label, subject, seen)
    ]
    moved = [rng.normal(k, 0.5, (count, 6)) for k, count in zip(label, felt)]
    return {
        "depth": rng.integers(0, 255, (len(rows), 16, 48, 64)).astype(np.uint8),
        "skeleton": np.concatenate(joints).astype(np.float16),
        "skeleton_len": seen,
        "inertial": np.concatenate(moved).astype(np.float32),
        "inertial_len": felt,
        "label": label,
        "subject": subject,
        "trial": trial,
    }


def _standing(steps: int, subject: int, action: int, rng: np.random.Generator) -> Any:
    """Joints `[L, 20, 3]` of somebody of a height and a place of their own, who lifts a hand."""
    height, place = 1 + 0.1 * subject, np.array([0.2 * subject, 0.0, 3.0])
    body = np.random.default_rng(7).normal(size=(20, 3))
    joints = np.repeat(body[None], steps, axis=0)
    joints[:, 11, 1] += np.linspace(0, action, steps)
    return place + height * (joints + rng.normal(0, 0.01, joints.shape))


def made_grid(sentences: int = 60) -> Arrays:
    """Sentences whose words are drawn, each heard in the band of its index."""
    rng = np.random.default_rng(0)
    words = np.stack([np.arange(sentences) % len(v) for v in VOCABULARY.values()], axis=1)
    begins = 0.3 + 0.4 * np.arange(6) + rng.uniform(0, 0.1, (sentences, 1))  # [n, 6] in seconds
    times = np.stack([begins, begins + 0.3], axis=-1).astype(np.float32)
    sound = rng.normal(0, 0.1, (sentences, 149, 40))
    for row in range(sentences):
        for word, (begin, end) in zip(words[row], times[row]):
            sound[row, round(begin * 50) : round(end * 50), word] += 3.0
    return {
        "lips": rng.integers(20, 220, (sentences, 75, 28, 40)).astype(np.uint8),
        "logmel": sound.astype(np.float16),
        "words": words,
        "word_times": times,
        "clip": np.array([f"clip{row:03d}" for row in range(sentences)]),
        **{f"vocab_{place}": np.array(known) for place, known in VOCABULARY.items()},
    }


def write(path: Path, arrays: Arrays) -> str:
    """Write an archive; its path."""
    np.savez(path, **arrays)
    return str(path)


def write_archives(folder: Path) -> Path:
    """Write both archives under their own names."""
    write(folder / "utd_mhad.npz", made_mhad(classes=len(ACTIONS), trials=1))
    write(folder / "grid_s1.npz", made_grid())
    return folder
