"""How wide the minimum is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

Floats = NDArray[np.float64]

RAYS = 72
STEPS_PER_TICK = 20
LARGE = 1e30
"""Stands for a loss that overflowed."""


class Basin(NamedTuple):
    """Mean width of a basin, in multiples of a direction.

    Attributes:
        width: mean diameter over the rays.
        is_open: whether it reaches the rim somewhere, so that it is wider than measured.
    """

    width: float
    is_open: bool


def measure_basin(ticks: Floats, loss: Floats, rise: float = 1.0) -> Basin:
    """Mean width of the region around the middle where the loss has risen by less than `rise`.

    Rays leave the middle, two on a line and 72 in a plane; on each, the first crossing counts, with
    the loss interpolated linearly between points.

    Args:
        ticks: multiples of a direction `[R]`.
        loss: `[1, R]` or `[R, R]`.
        rise: above the loss in the middle, in nats.
    """
    half = loss.shape[1] // 2
    limit = loss[loss.shape[0] // 2, half] + rise
    steps = np.linspace(0.0, 1.0, half * STEPS_PER_TICK + 1)  # [S]
    angles = np.array([0.0, np.pi]) if len(loss) == 1 else 2 * np.pi * np.arange(RAYS) / RAYS
    across = np.cos(angles)[:, None] * steps  # [A, S], in units of the extent
    along = np.sin(angles)[:, None] * steps if len(loss) > 1 else np.zeros_like(across)
    rays = _interpolate(loss, across * half, along * (len(loss) // 2))  # [A, S]
    lengths = np.array([_first_crossing(ray, limit) for ray in rays])
    radii = np.where(np.isnan(lengths), 1.0, lengths / (len(steps) - 1))
    return Basin(float(2 * radii.mean() * ticks[-1]), bool(np.isnan(lengths).any()))


def _interpolate(loss: Floats, across: Floats, along: Floats) -> Floats:
    """Bilinear values between grid points; offsets from the middle in grid steps, `[A, S]`."""
    finite = np.nan_to_num(loss, nan=LARGE, posinf=LARGE).clip(max=LARGE)
    places = [along + loss.shape[0] // 2, across + loss.shape[1] // 2]
    between: Floats = map_coordinates(finite, places, order=1, mode="nearest")
    return between


def _first_crossing(ray: Floats, limit: float) -> float:
    """Where a ray first rises above the limit, in steps; nan if it never does."""
    above = np.flatnonzero(ray > limit)
    if not len(above):
        return float("nan")
    last = above[0]
    low, high = ray[last - 1], ray[last]
    return float(last - 1 + (limit - low) / (high - low))
