"""What is done to the inputs of a trained network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Literal

from snn_mm.errors import UserError

SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Condition:
    """Some modalities are absent, or one of them is corrupted, or neither.

    Attributes:
        present: names of the modalities that are there, in the network's order.
        modality: the one that is corrupted; none if empty.
        corruption: what corrupts it.
        severity: how much, from 1 to 5; 0 is clean.
    """

    present: tuple[str, ...]
    modality: str = ""
    corruption: str = ""
    severity: int = 0

    @property
    def name(self) -> str:
        """One line that no other condition of a network has.

        Example:
            >>> Condition(("audio", "visual")).name
            'audio + visual'
            >>> Condition(("audio", "visual"), "audio", "white_noise", 3).name
            'audio: white_noise 3'
        """
        if self.modality:
            return f"{self.modality}: {self.corruption} {self.severity}"
        return " + ".join(self.present)


@dataclass(frozen=True)
class RobustnessSettings:
    """What decides the numbers of a condition.

    Attributes:
        split: `train`, `val` or `test`.
        samples: at most so many of the split's first; all if None.
        energy_samples: samples whose operations are counted; 0 counts none.
        seed: of corruptions, the same for all runs so that they can be paired.
    """

    split: Literal["train", "val", "test"] = "test"
    samples: int | None = None
    energy_samples: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.samples is not None and self.samples < 1) or self.energy_samples < 0:
            raise UserError(
                f"--samples {self.samples} --energy {self.energy_samples}: "
                "accepted are numbers from 1 and from 0 on"
            )
        if not 0 <= self.seed < 2**32:
            raise UserError(f"--seed {self.seed}: accepted are integers from 0 below 2^32")

    def name(self, checkpoint: str) -> str:
        """A file name that differs whenever the numbers may.

        Args:
            checkpoint: digest of the trained weights.
        """
        text = json.dumps([asdict(self), checkpoint], sort_keys=True)
        return f"{self.split}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def absences(modalities: Sequence[str]) -> Iterator[Condition]:
    """Every choice of modalities that are present, all of them first.

    Example:
        >>> [condition.name for condition in absences(["audio", "visual"])]
        ['audio + visual', 'audio', 'visual']
    """
    for size in range(len(modalities), 0, -1):
        yield from map(Condition, combinations(modalities, size))


def corruptions(modalities: Sequence[str], fitting: Mapping[str, Sequence[str]]) -> list[Condition]:
    """Every corruption that fits a modality at every severity, all modalities present.

    Args:
        modalities: those of the network.
        fitting: names of corruptions by modality.

    Example:
        >>> found = corruptions(["audio", "visual"], {"visual": ["blur"]})
        >>> [condition.name for condition in found[:2]], len(found)
        (['visual: blur 1', 'visual: blur 2'], 5)
    """
    return [
        Condition(tuple(modalities), modality, kind, severity)
        for modality in modalities
        for kind in fitting.get(modality, ())
        for severity in SEVERITIES
    ]
