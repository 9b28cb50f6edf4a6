"""Protocols say what they are, and refuse what they can't be."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

import pytest

from datamodules.clips.protocols import IEMF, NO_OVERRIDE, PMR, Protocol, ProtocolFields
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
