"""espeak-ng speaks, and says the same again."""

from __future__ import annotations

import time

import numpy as np
import pytest

from datamodules.digits import espeak, speech
from snn_mm.errors import UserError

NOISY = [espeak.SpeechRequest(word, "en-us+whisper", 175, 50) for word in ("nine", "two", "nine")]


def test_a_new_process_says_the_same() -> None:
    first = speech.synthesise(NOISY)
    time.sleep(1.1)  # left alone, espeak-ng seeds its noise by the clock, in seconds
    for ours, theirs in zip(first, speech.synthesise(NOISY), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_slower_voice_takes_longer() -> None:
    requests = [espeak.SpeechRequest("nine", "en-us+klatt", rate, 50) for rate in (130, 220)]
    slow, fast = speech.synthesise(requests)
    assert len(slow) > 1.2 * len(fast)


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(UserError, match="no voice 'martian'"):
        speech.synthesise([espeak.SpeechRequest("nine", "martian", 175, 50)])


def test_synthesiser_returns_a_wave_of_its_own_each_time() -> None:
    synthesiser = espeak.Synthesiser()
    waves = [synthesiser.say(request) for request in NOISY]
    assert synthesiser.sample_rate == 22050
    assert all(wave.dtype == np.int16 and 4000 < len(wave) < 22050 for wave in waves)


def test_plan_lets_every_variant_say_every_digit_in_several_ways() -> None:
    planned = list(speech.plan())
    assert len(planned) == len(espeak.variants()) * 10 * speech.TAKES
    assert len({request.voice + request.text for _, _, request in planned}) == len(planned)
    assert {digit for _, digit, _ in planned} == set(range(10))


@pytest.mark.parametrize(
    ("speaker", "family"), [("klatt4", "klatt"), ("m1", "m"), ("Mr serious", "Mr serious")]
)
def test_numbered_variants_are_one_family(speaker: str, family: str) -> None:
    assert speech.family(speaker) == family


def test_missing_packages_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "PACKAGES", {"no_such_module": "no-such-package"})
    with pytest.raises(UserError, match=r'no-such-package: run `pip install "snn_mm\[demo\]"`'):
        speech.check_packages()
