"""What is asked of a trained network: at so many time steps, in eight bits, or converted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from snn_mm.errors import UserError

Kind = Literal["trained", "int8", "converted"]
"""The network as it was trained, with int8 weights and activations, or an ANN made an SNN."""


@dataclass(frozen=True)
class Trial:
    """One form of a network at one number of time steps.

    Attributes:
        kind: the form.
        steps: T.
    """

    kind: Kind
    steps: int

    @property
    def name(self) -> str:
        """One line that no other trial of a network has.

        Example:
            >>> Trial("converted", 8).name
            'converted, T = 8'
        """
        return f"{self.kind}, T = {self.steps}"


@dataclass(frozen=True)
class LatencySettings:
    """What decides the numbers of a trial.

    Attributes:
        split: whose samples.
        samples: at most so many of the split's first; all if None.
        energy_samples: samples whose operations are counted.
        calibration: training samples that say how large activations are.
        converted_steps: T of an ANN that is converted.
        seed: of the order of training samples, and of what a network draws.
    """

    split: Literal["train", "val", "test"] = "test"
    samples: int | None = None
    energy_samples: int = 4
    calibration: int = 256
    converted_steps: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    seed: int = 0

    def __post_init__(self) -> None:
        counts = {"samples": self.samples, "energy": self.energy_samples}
        for name, count in {**counts, "calibration": self.calibration}.items():
            if count is not None and count < 1:
                raise UserError(f"--{name} {count}: accepted are numbers from 1 on")
        if any(steps < 1 for steps in self.converted_steps):
            raise UserError("--converted: accepted are numbers of time steps from 1 on")

    def name(self, checkpoint: str) -> str:
        """A file name that differs whenever the numbers of one trial may.

        Args:
            checkpoint: digest of the trained weights.
        """
        kept = {key: value for key, value in asdict(self).items() if key != "converted_steps"}
        text = json.dumps([kept, checkpoint], sort_keys=True)
        return f"{self.split}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def trials_of(
    trained: int, asked: Sequence[int], settings: LatencySettings, converts: bool
) -> list[Trial]:
    """What is asked of a network.

    Args:
        trained: T that it was trained with.
        asked: T that it is asked with as it was trained.
        settings: with which T a conversion is tried.
        converts: whether it is an ANN that can be converted.

    Example:
        >>> [trial.name for trial in trials_of(1, [1, 2], LatencySettings(), converts=False)]
        ['trained, T = 1', 'trained, T = 2', 'int8, T = 1']
    """
    found = [*(Trial("trained", steps) for steps in asked), Trial("int8", trained)]
    return found + [Trial("converted", steps) for steps in settings.converted_steps if converts]
