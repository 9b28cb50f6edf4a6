"""Noise at a given signal-to-noise ratio."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from snn_mm.errors import UserError


@dataclass(frozen=True)
class Levels:
    """Base of signal-to-noise ratios by modality, in dB; None (or `.inf`) adds no noise."""

    def __post_init__(self) -> None:
        for name, level in asdict(self).items():
            if level is not None and (math.isnan(level) or level == -math.inf):
                raise UserError(
                    f"snr_db: {name} is {level}; accepted are a number of dB, inf and null."
                )


def noise(
    shape: tuple[int, ...], power: float, snr_db: float | None, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw white Gaussian noise to add to a signal.

    `SNR = 10 log10(P_signal / P_noise)` in dB, where P is a mean square; hence the standard
    deviation of the noise is `sqrt(P_signal / 10^(SNR / 10))`.

    Args:
        shape: shape of the signal, `[...]`.
        power: P_signal, in the square of the signal's unit.
        snr_db: the ratio in dB; None gives no noise.
        rng: the sample's own random stream.

    Returns:
        The noise, of the given shape.

    Example:
        >>> round(float(noise((10_000,), 4.0, 0.0, np.random.default_rng(0)).std()), 1)  # √4
        2.0
    """
    if snr_db is None:
        return np.zeros(shape, np.float32)
    scale = np.sqrt(power / 10 ** (snr_db / 10))
    drawn: NDArray[np.float32] = rng.standard_normal(shape, np.float32)
    return drawn * np.float32(scale)
