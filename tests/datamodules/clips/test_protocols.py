"""Protocols say what they are, and refuse what they can't be."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np
import pytest

from datamodules.clips.protocols import IEMF, NO_OVERRIDE, PMR, Protocol, ProtocolFields
from datamodules.clips.sound import audio_input
from snn_mm.errors import UserError


def test_every_field_can_be_overridden_with_its_own_type() -> None:
    assert get_type_hints(ProtocolFields) == get_type_hints(Protocol)
    assert list(get_type_hints(ProtocolFields)) == [field.name for field in fields(Protocol)]


def test_an_override_changes_its_fields_alone() -> None:
    changed = PMR.changed({"frames": 1, "audio_size": 64})
    assert changed.changed({"frames": 3, "audio_size": None}) == PMR
    assert (changed.frames, changed.audio_size) == (1, 64)
    assert IEMF.changed(NO_OVERRIDE) == IEMF


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"frames": 0}, "frames is 0; accepted is more than 0"),
        ({"seconds": -1.0}, "seconds is -1.0"),
        ({"audio_size": 0}, "audio_size is 0"),
        ({"resize": 100}, "resize is 100; accepted is at least image_size, 224"),
        ({"fps": 1}, "unknown fps; accepted are sample_rate, seconds"),
        ({"spectrogram": "mfcc"}, "spectrogram is 'mfcc'; accepted: log_stft, log_mel"),
        ({"spectrogram": "fbank", "n_mels": 3}, "fbank with n_mels 3 .* accepted are at least 4"),
        ({"spectrogram": "fbank", "sample_rate": 79}, "fbank with n_mels 64 at 79 Hz"),
        ({"frame_draw": "never"}, "frame_draw is 'never'; accepted: epoch, once"),
    ],
)
def test_what_cannot_be_is_refused(override: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        IEMF.changed(override)


@pytest.mark.parametrize(
    "protocol",
    [IEMF, PMR, PMR.changed({"audio_size": 64}), IEMF.changed({"spectrogram": "fbank"})],
    ids=["IEMF", "PMR", "resized", "fbank"],
)
def test_columns_last_as_long_as_the_sound_that_they_show(protocol: Protocol) -> None:
    rate = protocol.sample_rate
    columns = audio_input(np.zeros(3 * rate, np.float32), rate, protocol).shape[-1]
    assert protocol.step_seconds is not None
    whole = 10.24 if protocol.spectrogram == "fbank" else 3.0  # its 1024 frames are filled up
    assert columns * protocol.step_seconds == pytest.approx(whole, abs=0.05)


def test_of_clips_that_differ_in_length_no_column_is_known_to_last() -> None:
    assert IEMF.changed({"audio_size": 64, "seconds": None}).step_seconds is None
