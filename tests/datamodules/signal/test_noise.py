"""Noise has the power that was asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from datamodules.clips.split import ClipSNR
from datamodules.digits.digits_av import SNR
from datamodules.digits.spoken_digits_events import EventSNR
from datamodules.signal.noise import Levels, noise
from snn_mm.errors import UserError


@pytest.mark.parametrize("power", [0.2, 1.0, 7.0])
@pytest.mark.parametrize("snr_db", [-9.0, 0.0, 12.0])
def test_measured_snr_is_the_snr_asked_for(power: float, snr_db: float) -> None:
    drawn = noise((200_000,), power, snr_db, np.random.default_rng(0)).astype(np.float64)
    measured = 10 * np.log10(power / np.mean(drawn**2))
    assert measured == pytest.approx(snr_db, abs=0.05)
    assert np.mean(drawn) == pytest.approx(0, abs=0.01 * np.std(drawn))


@pytest.mark.parametrize("snr_db", [None, math.inf])
def test_without_an_snr_there_is_no_noise(snr_db: float | None) -> None:
    assert not noise((2, 3), 1.0, snr_db, np.random.default_rng(0)).any()


@pytest.mark.parametrize("levels", [SNR, EventSNR, ClipSNR])
@pytest.mark.parametrize("level", [math.nan, -math.inf])
def test_a_ratio_that_is_none_is_refused(levels: type[Levels], level: float) -> None:
    with pytest.raises(UserError, match=f"audio is {level}; accepted are a number of dB"):
        levels(audio=level)  # type: ignore[call-arg]
