"""What training changes in recordings: how movements go, and when clips begin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.archives.archive import Array
from snn_mm.errors import check_range

KNOTS = 4
"""Points in time at which a speed is drawn."""


@dataclass(frozen=True)
class MovementAugmentation:
    """How much training changes recorded movements; 0 changes nothing.

    Attributes:
        speed: the speed within a recording varies by up to this share, and up to a quarter of it
            is cut off at either end.
        angle: standard deviation of a rotation about a random axis, in degrees.
        size: every axis is stretched or shrunk by up to this share.
    """

    speed: float = 0.2
    angle: float = 9.0
    size: float = 0.1

    def __post_init__(self) -> None:
        check_range("augmentation.speed", self.speed, 0, 0.9)
        check_range("augmentation.angle", self.angle, 0)
        check_range("augmentation.size", self.size, 0, 0.9)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """Change points or vectors in space over time, `[L, ..., 3]`."""
        if self.speed:
            x = at_times(x, warped_times(len(x), self.speed, rng))
        if self.angle:
            x = x @ rotation(rng.normal(size=3), np.radians(rng.normal(0, self.angle))).T
        if self.size:
            x = x * rng.uniform(1 - self.size, 1 + self.size, x.shape[-1:]).astype(np.float32)
        return x


@dataclass(frozen=True)
class ClipAugmentation:
    """How much training changes clips that are heard and seen; 0 changes nothing.

    Attributes:
        shift: seconds by which a clip begins earlier or later at most; its last or first step
            fills what is missing.
    """

    shift: float = 0.2

    def __post_init__(self) -> None:
        check_range("augmentation.shift", self.shift, 0)

    def __call__(self, clip: Array, rate: int, rng: np.random.Generator) -> Array:
        """Change a clip `[L, ...]` of so many steps a second; the same draws shift all rates alike.

        Example:
            >>> drawn = np.random.default_rng(0)  # 0.055 of -0.2 to 0.2 seconds
            >>> ClipAugmentation(0.2)(np.array([1, 2, 3, 4]), 20, drawn)
            array([2, 3, 4, 4])
        """
        later = round(rng.uniform(-self.shift, self.shift) * rate)
        return clip[np.clip(np.arange(len(clip)) + later, 0, len(clip) - 1)]


def warped_times(steps: int, strength: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Times `[L]` in steps, from 0 to L - 1 at most, at a speed that varies smoothly."""
    places = np.linspace(0, KNOTS - 1, steps)
    speeds = np.interp(places, np.arange(KNOTS), rng.uniform(1 - strength, 1 + strength, KNOTS))
    times = np.cumsum(speeds) - speeds[0]
    first, last = rng.uniform(0, strength / 4), 1 - rng.uniform(0, strength / 4)
    whole = times / max(times[-1], 1e-12)
    return np.asarray((first + whole * (last - first)) * (steps - 1))


def at_times(x: Array, times: NDArray[np.float64]) -> Array:
    """Values of `[L, ...]` at times `[n]` in steps, linear between them.

    Example:
        >>> at_times(np.array([0.0, 2.0, 6.0]), np.array([0.5, 2.0]))
        array([1., 6.])
    """
    before = np.floor(times).astype(np.int64).clip(0, len(x) - 1)
    after = (before + 1).clip(max=len(x) - 1)
    share = (times - before).astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
    return np.asarray(x[before] * (1 - share) + x[after] * share)


def rotation(axis: Array, angle: float) -> NDArray[np.float32]:
    """The matrix `[3, 3]` of a rotation about an axis `[3]` by an angle in radians (Rodrigues).

    Example:
        >>> rotation(np.array([0.0, 0.0, 2.0]), np.pi / 2).round().astype(int).tolist()
        [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    """
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return np.asarray(matrix, np.float32)
