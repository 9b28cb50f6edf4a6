"""A small folder in the layout of AV-CIL: four classes, features of made-up values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from datamodules.av_cil.module import AUDIO, VISUAL_H5, VISUAL_NPY, ClassIncremental

NAMES = ("Ukulele", "Cat", "Frying (food)", "Clock")
PER_CLASS = {"train": 5, "val": 2, "test": 3}
AUDIO_DIM, VISUAL_SHAPE = 6, (8, 5)


def by_class() -> dict[str, dict[int, list[str]]]:
    """Ids by split and class; classes are listed in no order, as in the real files."""
    return {
        part: {k: [f"-{part}{k}_{row}" for row in range(count)] for k in (2, 0, 3, 1)}
        for part, count in PER_CLASS.items()
    }


def ids() -> list[str]:
    return [key for part in by_class().values() for keys in part.values() for key in keys]


def features(shape: tuple[int, ...], dtype: Any = np.float32) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(shape))
    return {key: rng.normal(size=shape).astype(dtype) for key in ids()}


def save(path: Path, content: Any) -> None:
    """Pickle a dictionary as `np.save` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.array(content))


def write_h5(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file[key] = array


def write(folder: Path, form: str = "h5", dtype: Any = np.float32) -> Path:
    """Write lists and features."""
    listed = by_class()
    by_id = {p: {i: NAMES[k] for k, v in part.items() for i in v} for p, part in listed.items()}
    save(folder / "all_classId_vid_dict.npy", listed)
    save(folder / "all_id_category_dict.npy", by_id)
    save(folder / "category_encode_dict.npy", {name: k for k, name in enumerate(NAMES)})
    save(folder / AUDIO, features((AUDIO_DIM,), dtype))
    if form == "h5":
        write_h5(folder / VISUAL_H5, features(VISUAL_SHAPE, dtype))
    else:
        save(folder / VISUAL_NPY, features(VISUAL_SHAPE, dtype))
    return folder


def make(folder: Path, **options: Any) -> ClassIncremental:
    """Make the data module of a small folder."""
    defaults = {"data_dir": str(folder), "audio_dim": AUDIO_DIM, "visual_shape": VISUAL_SHAPE}
    tasks = {"classes_per_task": 2, "epochs_per_task": 1, "memory": 4}
    return ClassIncremental(**{**defaults, **tasks, **options})
