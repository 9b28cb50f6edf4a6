"""Every corruption: what a severity means, that worse is worse, and that it repeats itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.corruption.chain import function
from datamodules.corruption.kinds import CORRUPTIONS, Corruption, Kind, level_of
from snn_mm.errors import UserError

Array = NDArray[Any]
RATE = 8000
KINDS = [(form, name) for form, kinds in CORRUPTIONS.items() for name in kinds]


def clean(form: str) -> Array:
    rng = np.random.default_rng(5)
    if form == "events":
        return rng.poisson(0.5, (4, 2, 34, 34))
    if form == "picture":
        coarse = rng.random((6, 3, 8, 8), np.float32)
        return coarse.repeat(4, axis=2).repeat(4, axis=3)  # [L, C, 32, 32]
    shape = {"sound": (RATE,), "sequence": (40, 5), "array": (3, 50)}[form]
    return rng.standard_normal(shape, np.float32)


def others(rng: np.random.Generator) -> Iterator[Array]:
    for _ in range(3):
        yield rng.standard_normal(RATE // 2, np.float32)


def corrupted(form: str, name: str, severity: int, seed: int = 0) -> Array:
    kind: Kind = CORRUPTIONS[form][name]  # type: ignore[index]
    given = {"sample_rate": RATE, "others": others, "deviation": np.float64(1.0)}
    options = {need: given[need] for need in kind.needs}
    rng = np.random.default_rng(seed)
    return function(kind.room, name)(clean(form), level_of(kind, severity), rng, **options)


def snr_db(form: str, name: str, severity: int) -> float:
    signal = clean(form).astype(np.float64)
    noise = corrupted(form, name, severity) - signal
    if form == "events":
        return float(10 * np.log10(signal.sum() / noise.sum()))
    return float(10 * np.log10(np.mean(signal**2) / np.mean(noise**2)))


@pytest.mark.parametrize(("form", "name"), KINDS)
def test_a_worse_severity_is_further_from_the_clean_recording(form: str, name: str) -> None:
    if name == "reverberation":
        pytest.skip("a longer room of the same loudness; see the decay below")
    distances = [
        np.mean([np.abs(corrupted(form, name, s, seed) - clean(form)).mean() for seed in range(3)])
        for s in range(1, 6)
    ]
    if name == "time_shift":  # white noise is as far from itself at any shift
        distances = [np.mean(corrupted(form, name, severity) == 0) for severity in range(1, 6)]
    assert distances[0] > 0
    assert np.diff(distances).min() > 0, distances


@pytest.mark.parametrize(("form", "name"), KINDS)
def test_a_corruption_is_a_function_of_its_stream_and_leaves_its_input(
    form: str, name: str
) -> None:
    before = clean(form)
    once, again = (corrupted(form, name, 3, seed=1) for _ in range(2))
    assert once.tobytes() == again.tobytes()
    assert once.shape == before.shape
    kind = CORRUPTIONS[form][name]  # type: ignore[index]
    given = {"sample_rate": RATE, "others": others, "deviation": np.float64(1.0)}
    rng = np.random.default_rng(0)
    options = {need: given[need] for need in kind.needs}
    function(kind.room, name)(before, kind.levels[2], rng, **options)
    assert before.tobytes() == clean(form).tobytes()
    drawn = name not in ("clipping", "gaussian_blur", "brightness", "jpeg")
    assert drawn == any(
        corrupted(form, name, 3, seed=seed).tobytes() != once.tobytes() for seed in range(2, 6)
    )


@pytest.mark.parametrize(
    ("form", "name"),
    [
        *(("sound", name) for name in ("white_noise", "pink_noise", "babble")),
        ("events", "background_activity"),
    ],
)
@pytest.mark.parametrize("severity", range(1, 6))
def test_the_ratio_of_signal_and_noise_is_reached_within_a_tenth_of_a_decibel(
    form: str, name: str, severity: int
) -> None:
    wanted = level_of(CORRUPTIONS[form][name], severity)  # type: ignore[index]
    assert snr_db(form, name, severity) == pytest.approx(wanted, abs=0.1)


def test_the_power_of_pink_noise_halves_from_octave_to_octave() -> None:
    noise = corrupted("sound", "pink_noise", 5) - clean("sound")
    power = np.abs(np.fft.rfft(noise)) ** 2
    octaves = [power[2**k : 2 ** (k + 1)].mean() for k in range(6, 12)]
    assert np.diff(np.log2(octaves)) == pytest.approx(-1, abs=0.5)
    assert np.log2(octaves[0] / octaves[-1]) == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize("severity", range(1, 6))
def test_a_room_decays_by_sixty_decibels_in_its_rt60(severity: int) -> None:
    reverberation, seconds = function("sound", "reverberation"), (0.25, 0.5, 0.7, 1.0, 1.5)
    click = np.zeros(2 * RATE, np.float32)
    click[0] = 1
    heard = reverberation(click, seconds[severity - 1], np.random.default_rng(0), RATE)
    tail = np.square(heard[1:].astype(np.float64))
    # The slope of the energy in decibels, from blocks of 10 ms; the last ones have too little.
    blocks = tail[: int(0.9 * seconds[severity - 1] * RATE) // 80 * 80].reshape(-1, 80).mean(axis=1)
    slope = np.polyfit(np.arange(len(blocks)) * 0.01, 10 * np.log10(blocks), 1)[0]
    assert -60 / slope == pytest.approx(seconds[severity - 1], rel=0.1)
    assert np.sum(heard**2) == pytest.approx(1, rel=1e-3)
    assert tail.sum() / heard[0] ** 2 == pytest.approx(seconds[severity - 1] / 0.5, rel=1e-3)


@pytest.mark.parametrize(("form", "name"), [("sound", "packet_loss"), ("sequence", "missing_span")])
def test_the_lost_part_is_the_stated_one(form: str, name: str) -> None:
    for severity in range(1, 6):
        wanted = level_of(CORRUPTIONS[form][name], severity)  # type: ignore[index]
        lost = (corrupted(form, name, severity) == 0).mean()
        assert lost == pytest.approx(wanted, abs=0.011)  # whole packets, whole steps


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("sound", "packet_loss"),
        *(("sequence", name) for name in ("missing_span", "missing_values")),
        *(("picture", name) for name in ("occlusion", "frame_loss")),
        ("events", "event_loss"),
    ],
)
def test_what_a_severity_loses_every_worse_one_loses_too(form: str, name: str) -> None:
    kept = [np.abs(corrupted(form, name, severity)) for severity in range(1, 6)]
    assert all((worse <= better).all() for better, worse in pairwise(kept))


def test_shifted_sound_is_the_same_sound_earlier_or_later_by_the_stated_time() -> None:
    wave = clean("sound")
    for severity in range(1, 6):
        steps = round(RATE * CORRUPTIONS["sound"]["time_shift"].levels[severity - 1])
        moved = [corrupted("sound", "time_shift", severity, seed) for seed in range(8)]
        later = [np.array_equal(each[steps:], wave[:-steps]) for each in moved]
        earlier = [np.array_equal(each[:-steps], wave[steps:]) for each in moved]
        assert all(a != b for a, b in zip(later, earlier))
        assert any(later)
        assert any(earlier)


def test_silence_stays_silent_in_noise_and_in_rooms() -> None:
    silence = np.zeros(800, np.float32)
    rng = np.random.default_rng(0)
    for name in ("white_noise", "pink_noise", "babble", "reverberation", "clipping"):
        kind = CORRUPTIONS["sound"][name]
        options: dict[str, Any] = {"sample_rate": RATE, "others": others}
        given = {need: options[need] for need in kind.needs}
        assert not function("sound", name)(silence, kind.levels[4], rng, **given).any()


@pytest.mark.parametrize("side", [8, 32, 224])
def test_pictures_of_any_size_are_blurred(side: int) -> None:
    picture = np.random.default_rng(0).random((1, side, side), np.float32)
    blur: Callable[..., Array] = function("picture", "gaussian_blur")
    rough = [np.abs(np.diff(blur(picture, level, None))).mean() for level in (1, 2, 3, 4, 6)]
    assert np.abs(np.diff(picture)).mean() > rough[0]
    assert np.diff(rough).max() < 0


def test_events_that_jitter_are_all_kept_but_for_those_that_leave_the_camera() -> None:
    counts = clean("events")
    for severity in range(1, 6):
        assert corrupted("events", "time_jitter", severity).sum() == counts.sum()
        assert 0.8 * counts.sum() < corrupted("events", "jitter", severity).sum() <= counts.sum()


def test_an_unknown_name_or_severity_is_refused_with_what_is_accepted() -> None:
    with pytest.raises(UserError, match=r"kind is my\.Fog, an import path; accepted are names"):
        Corruption("my.Fog")
    with pytest.raises(UserError, match=r"kind is 'fog'; accepted: white_noise, .*jpeg"):
        Corruption("fog")
    with pytest.raises(UserError, match=r"severity is 6.*1.*5"):
        Corruption("jpeg", 6)
    with pytest.raises(UserError, match="parts is 'all'; accepted: train, val, test"):
        Corruption("jpeg", parts=("all",))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="probability is 2"):
        Corruption("jpeg", probability=2)


def test_the_page_on_data_lists_every_corruption_with_its_levels() -> None:
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text()
    for kinds in CORRUPTIONS.values():
        for name, kind in kinds.items():
            levels = ", ".join(f"{level:g}" for level in kind.levels)
            row = rf"\| `{name}` \| [a-z, ]+ \| {re.escape(levels)} \| {re.escape(kind.unit)} \|"
            assert re.search(row, page), name
