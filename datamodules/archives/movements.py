"""Movements as inputs: films of a depth camera, and joints of a skeleton."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.archives.archive import Array
from datamodules.pairing import Rows
from datamodules.split import FeatureScale

FRAMES, HEIGHT, WIDTH, JOINTS = 16, 48, 64, 20
HIP, SHOULDERS = 3, 1
"""Joints of the Kinect: centre of the hip, and between the shoulders."""
Depth = Literal["frames", "steps", "channels"]
ACTIONS = (
    *("swipe_left", "swipe_right", "wave", "clap", "throw", "cross_arms", "basketball_shoot"),
    *("draw_x", "draw_circle_clockwise", "draw_circle_counterclockwise", "draw_triangle"),
    *("bowling", "boxing", "baseball_swing", "tennis_swing", "arm_curl", "tennis_serve", "push"),
    *("knock", "catch", "pick_up_and_throw", "jog", "walk", "sit_to_stand", "stand_to_sit"),
    *("lunge", "squat"),
)


@dataclass(frozen=True)
class FilmReader:
    """Reads films.

    Attributes:
        films: `[R, L, H, W]`.
        scale: what values are shifted and scaled by.
        form: `channels` gives `[L, H, W]`, others `[L, 1, H, W]`.
    """

    films: Array
    scale: FeatureScale
    form: Depth

    def __call__(self, row: int, rng: np.random.Generator | None) -> NDArray[np.float32]:
        """Read a film."""
        film = self.scale(self.films[row])
        return film if self.form == "channels" else film[:, None]


def trunk_lengths(joints: NDArray[np.float32], starts: Rows) -> NDArray[np.float32]:
    """Joints relative to where the hip is in the first frame, in lengths of the trunk.

    So neither where somebody stands nor how tall they are remains, but how they move about does.

    Args:
        joints: of all recordings in metres, `[sum of L, 20, 3]`.
        starts: where each recording begins, and the end, `[n + 1]`.
    """
    trunk = np.linalg.norm(joints[:, SHOULDERS] - joints[:, HIP], axis=-1)  # [sum of L]
    counts = np.diff(starts)
    lengths = np.add.reduceat(trunk, starts[:-1]) / counts  # [n]
    origins = joints[starts[:-1], HIP]  # [n, 3]
    relative = joints - np.repeat(origins, counts, axis=0)[:, None]
    scaled = relative / np.repeat(lengths, counts)[:, None, None]
    return np.asarray(scaled, np.float32)


def steps_of(rows: Rows, starts: Rows) -> Rows:
    """Which of all steps belong to some recordings, given where each begins, `[n + 1]`.

    Example:
        >>> steps_of(np.array([0, 2]), np.array([0, 2, 5, 6])).tolist()
        [0, 1, 5]
    """
    return np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
