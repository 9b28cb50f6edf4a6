"""What decides the numbers of a landscape, and the grid it is computed on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from snn_mm.errors import UserError

Point = tuple[float, float]
"""Where on the grid: multiples of the first and the second direction."""

PartScope = Literal["network", "fusion"]
"""Whose weights move: those of the whole network, or those of the fusion alone (W^f of Eq. 14)."""

BatchNorm = Literal["frozen", "recomputed"]
"""Statistics of batch norm at a moved point: those of training, or estimated anew over training
batches. Anew by default: only then is the loss blind to the scale of a filter, which the
normalisation of directions rests on; with frozen statistics a moved weight shifts every activation
against them and a minimum looks sharper than it is (tomgoldstein/loss-landscape, issue 35). The
middle then differs a little from the tested network, whose statistics are training's."""

Vectors = Literal["ignored", "normalised"]
"""What a direction does to biases and batch-norm parameters, which are vectors `[C]`: nothing, or
move them like one filter. Ignored by default as in the paper; moved shifts of batch norm make
losses overflow at the rim of a plot (tomgoldstein/loss-landscape, issue 25)."""


@dataclass(frozen=True)
class LandscapeSettings:
    """What decides the numbers of a landscape; how it is computed decides none of them.

    Attributes:
        dimensions: 1, a line, or 2, a plane.
        resolution: points along each direction, odd so that the trained weights are one of them.
        extent: how far each direction goes, in multiples of the trained filters' norms.
        split: `train`, `val` or `test`.
        samples: at most so many of the split's first, and as many training samples for batch norm.
        batch_norm: statistics of moved weights.
        scope: whose weights move.
        vectors: whether biases and batch-norm parameters move too.
        seed: of the directions, and of the order of training batches.
    """

    dimensions: int = 2
    resolution: int = 21
    extent: float = 1.0
    split: Literal["train", "val", "test"] = "test"
    samples: int = 512
    batch_norm: BatchNorm = "recomputed"
    scope: PartScope = "network"
    vectors: Vectors = "ignored"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resolution < 3 or self.resolution % 2 == 0:
            raise UserError(
                f"--resolution {self.resolution}: accepted are odd numbers from 3, "
                "so that the trained weights are a point"
            )
        if not self.extent > 0 or self.samples < 1:
            raise UserError(
                f"--range {self.extent:g} --samples {self.samples}: both must be positive"
            )
        if not 0 <= self.seed < 2**63:
            raise UserError(f"--seed {self.seed}: accepted are integers from 0")

    @property
    def ticks(self) -> NDArray[np.float64]:
        """Multiples of a direction, `[R]`."""
        half = self.resolution // 2
        steps = np.arange(-half, half + 1, dtype=np.float64)
        return steps * (self.extent / half)  # exactly 0 in the middle, unlike linspace

    @property
    def points(self) -> list[Point]:
        """Every point of the line or, row by row, of the plane."""
        second = self.ticks if self.dimensions == 2 else np.zeros(1)
        return [(float(x), float(y)) for y in second for x in self.ticks]

    def name(self, checkpoint: str) -> str:
        """A file name that differs whenever the numbers may.

        Args:
            checkpoint: digest of the trained weights.
        """
        text = json.dumps([asdict(self), checkpoint], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{self.scope}-{self.dimensions}d-{self.split}-{self.batch_norm}-{digest}"
