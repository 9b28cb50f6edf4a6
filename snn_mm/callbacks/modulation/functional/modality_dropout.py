"""Which modalities a sample keeps, as a function of what it is drawn by."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from itertools import count


def ramp(epoch: int, ramp_epochs: int) -> float:
    """Part of the probability that is reached, from 0 to 1 in `ramp_epochs` epochs.

    Args:
        epoch: since the start, from 0.
        ramp_epochs: 0 is all of it from the first epoch on.

    Example:
        >>> [ramp(epoch, ramp_epochs=2) for epoch in range(4)]
        [0.0, 0.5, 1.0, 1.0]
    """
    return min(1.0, epoch / ramp_epochs) if ramp_epochs else 1.0


def kept_modalities(probabilities: Mapping[str, float], *drawn_by: object) -> set[str]:
    """Drop each modality with its own probability, on the condition that one is left.

    P(kept = S) ∝ Π_{m in S} (1 − p_m) Π_{m not in S} p_m for every S but the empty one (ModDrop,
    Neverova et al., TPAMI 2016, without its samples that have nothing). Drawn anew until one is
    left; where all probabilities are 1 there is none to leave, and all are kept.

    Args:
        probabilities: p_m by modality, of those that the sample has.
        drawn_by: what decides the draw; equal words, equal draws.

    Example:
        >>> kept_modalities({"audio": 0.0, "visual": 1.0}, "seed", "sample")
        {'audio'}
    """
    if all(p >= 1 for p in probabilities.values()):
        return set(probabilities)
    for attempt in count():
        draw = (*drawn_by, attempt)
        if kept := {name for name, p in probabilities.items() if _uniform(*draw, name) >= p}:
            return kept
    raise AssertionError  # counting has no end


def _uniform(*words: object) -> float:
    """A number in [0, 1) that depends on words alone: no generator is made for each sample."""
    digest = blake2b("\0".join(map(str, words)).encode(), digest_size=7).digest()
    return int.from_bytes(digest) / 2**56
