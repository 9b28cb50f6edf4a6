"""Samples that are made up: real shapes and no content, to time a training where no data are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from datamodules.split import Split

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes `[...]` of the inputs of one sample, by name."""

DIFFERENT = 8
"""Samples that differ; all others repeat them, so that they fit into memory."""
PATCH = 8
"""Side of the patches that images are made of: white noise would silence a deep spiking network."""


def made_split(shapes: Shapes, classes: int, samples: int) -> Split:
    """A split of `samples` samples, the classes 0 to K - 1 in turn."""
    rng = np.random.default_rng(0)
    rows = np.arange(samples)
    return Split(
        arrays={name: made_values((DIFFERENT, *shape), rng) for name, shape in shapes.items()},
        rows=dict.fromkeys(shapes, rows % DIFFERENT),
        labels=rows % classes,
        ids=made_ids(samples),
    )


def made_ids(samples: int) -> list[str]:
    """Names of samples."""
    return [f"made_up{row}" for row in range(samples)]


def made_values(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise `[...]` of mean 0 and deviation 1; images `[..., C, H, W]` in patches of one value."""
    if len(shape) < 4 or min(shape[-2:]) < PATCH:
        return rng.standard_normal(shape, dtype=np.float32)
    height, width = shape[-2:]
    coarse = (*shape[:-2], -(-height // PATCH), -(-width // PATCH))
    patches = rng.standard_normal(coarse, dtype=np.float32)
    return patches.repeat(PATCH, axis=-2).repeat(PATCH, axis=-1)[..., :height, :width]


def made_windows(
    samples: int, steps: int, dim: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Sequences `[samples, steps, dim]`, each a step after the one before: they share memory."""
    values = made_values((samples + steps - 1, dim), rng)
    return sliding_window_view(values, steps, axis=0).swapaxes(1, 2)
