"""What is seen and what is heard at one time in a film is at one time after decoding."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from datamodules.store.clip import Clip, DecodedClip, DecodeOptions, UnreadableClipError
from datamodules.store.datasets import ave
from datamodules.store.engine import decode_clip

FRAME_RATE, SAMPLE_RATE = 25, 44100
EVENT = 2.4
"""Seconds at which the flash and the click begin."""

CODECS = {"mp4": "mpeg4", "mkv": "mpeg4", "flv": "flv", "ts": "mpeg2video"}
EVERY_FRAME = DecodeOptions(frames_per_second=FRAME_RATE)

Timed = Iterator[tuple[float, av.VideoFrame | av.AudioFrame]]


def pictures(begin: float, end: float, jump: float) -> Timed:
    """Yield black frames, and white ones in a fifth of a second; each with its seconds."""
    for number in range(round(begin * FRAME_RATE), round(end * FRAME_RATE)):
        time = number / FRAME_RATE
        level = 255 if EVENT <= time < EVENT + 0.2 else 0
        frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), level, np.uint8), "rgb24")
        stamp = time + jump * (time >= 1)
        frame.pts, frame.time_base = round(stamp * FRAME_RATE), Fraction(1, FRAME_RATE)
        yield stamp, frame


def sounds(begin: float, end: float, gap: tuple[float, float], jump: float) -> Timed:
    """Yield silence with a click; nothing at all in the gap."""
    for first in range(round(begin * SAMPLE_RATE), round(end * SAMPLE_RATE), 1024):
        time = first / SAMPLE_RATE + np.arange(1024) / SAMPLE_RATE
        wave = np.where((time >= EVENT) & (time < EVENT + 0.02), np.sin(20_000 * time), 0)
        frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "fltp", "mono")
        stamp = time[0] + jump * (time[0] >= 1)
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = round(stamp * SAMPLE_RATE)
        if not gap[0] <= time[0] < gap[1]:
            yield stamp, frame


def film(
    path: Path,
    seconds: float = 3.2,
    picture_from: float = 0.0,
    sound_from: float = 0.0,
    gap: tuple[float, float] = (0.0, 0.0),
    jump: tuple[float, float] = (0.0, 0.0),
) -> Path:
    """Write a film with a flash and a click; time stamps of each jump after its first second."""
    path.parent.mkdir(exist_ok=True)
    with av.open(path, "w") as file:
        video = file.add_stream(CODECS[path.suffix[1:]], FRAME_RATE)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        audio = file.add_stream("aac", SAMPLE_RATE)
        audio.layout = "mono"
        seen = [(*each, video) for each in pictures(picture_from, seconds, jump[0])]
        heard = [(*each, audio) for each in sounds(sound_from, seconds, gap, jump[1])]
        for _, frame, stream in sorted(seen + heard, key=lambda each: each[0]):
            file.mux(stream.encode(frame))
        for stream in (video, audio):
            file.mux(stream.encode(None))
    return path


def click_and_flash(decoded: DecodedClip, start: float, end: float) -> tuple[float, float]:
    """Return the seconds at which each begins; those of a frame are the middle of its part."""
    click = start + np.argmax(np.abs(decoded.sound) > 8000) / decoded.sample_rate
    levels = [np.asarray(Image.open(io.BytesIO(frame))).mean() for frame in decoded.frames]
    step = (end - start) / len(levels)
    return click, start + (np.argmax(np.array(levels) > 128) + 0.5) * step


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize(
    "begins",
    [{}, {"sound_from": 1.5}, {"picture_from": 0.8}, {"gap": (0.5, 2.2)}],
    ids=lambda begins: "-".join(begins) or "together",
)
def test_a_flash_and_its_click_are_at_one_time(
    begins: dict[str, float], suffix: str, tmp_path: Path
) -> None:
    path = film(tmp_path / f"a.{suffix}", **begins)
    for start in (0.0, 1.0, 2.0):
        decoded = decode_clip(Clip("a", 0, "", path, path, start, 3.0), EVERY_FRAME)
        assert len(decoded.sound) == round((3.0 - start) * SAMPLE_RATE)
        click, flash = click_and_flash(decoded, start, 3.0)
        assert click == pytest.approx(flash, abs=1 / FRAME_RATE)
        # Where a format does not say how far a codec runs ahead, the film begins with that.
        assert click == pytest.approx(EVENT, abs=1.1 * 1024 / SAMPLE_RATE)


def test_seconds_of_ave_are_those_of_the_picture(tmp_path: Path) -> None:
    film(tmp_path / "AVE" / "abcdefghijk.mp4", sound_from=2.0)
    for name in ave.LISTS.values():
        (tmp_path / name).write_text("")
    (tmp_path / ave.LISTS["test"]).write_text("Clock&abcdefghijk&good&1&3\n")
    (clip,) = ave.find_clips(tmp_path, None)
    decoded = decode_clip(clip, EVERY_FRAME)
    assert not decoded.sound[: round(0.95 * SAMPLE_RATE)].any()  # the second without sound
    assert click_and_flash(decoded, 1.0, 3.0) == pytest.approx((EVENT, EVENT), abs=0.03)


@pytest.mark.parametrize("suffix", CODECS)
def test_a_stretch_before_the_sound_or_the_picture_is_unreadable(
    suffix: str, tmp_path: Path
) -> None:
    late = film(tmp_path / f"late.{suffix}", sound_from=2.5)
    with pytest.raises(UnreadableClipError, match=r"has no sound between 0 and 2 s"):
        decode_clip(Clip("a", 0, "", late, late, 0.0, 2.0), EVERY_FRAME)
    late = film(tmp_path / f"dark.{suffix}", picture_from=2.5)
    with pytest.raises(UnreadableClipError, match=r"has no picture between 0 and 2 s"):
        decode_clip(Clip("a", 0, "", late, late, 0.0, 2.0), EVERY_FRAME)


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("jump", [(36_000.0, 36_000.0), (36_000.0, 0.0), (0.0, 36_000.0)])
def test_a_jump_of_the_time_stamps_is_named(
    jump: tuple[float, float], suffix: str, tmp_path: Path
) -> None:
    path = film(tmp_path / f"a.{suffix}", seconds=2.0, jump=jump)
    reason = rf"a\.{suffix}: its time stamps jump from [12]\.\d to 36001\.\d s"
    with pytest.raises(UnreadableClipError, match=reason):
        decode_clip(Clip("a", 0, "", path, path), EVERY_FRAME)


def test_time_stamps_that_begin_again_are_named(tmp_path: Path) -> None:
    path = film(tmp_path / "a.ts", seconds=2.0)
    path.write_bytes(2 * path.read_bytes())
    with pytest.raises(UnreadableClipError, match=r"a\.ts: its time stamps jump from 2\.0 to 0\.0"):
        decode_clip(Clip("a", 0, "", path, path), EVERY_FRAME)


def test_a_pause_at_the_end_of_a_stretch_is_silence(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", gap=(1.0, 3.1))
    decoded = decode_clip(Clip("a", 0, "", path, path, 0.5, 2.5), EVERY_FRAME)
    assert len(decoded.sound) == 2 * SAMPLE_RATE


def test_a_pause_that_one_modality_fills_is_no_jump(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", seconds=16.0, gap=(1.0, 15.0))
    decoded = decode_clip(Clip("a", 0, "", path, path), DecodeOptions())
    assert len(decoded.frames) == 16
    assert len(decoded.sound) / SAMPLE_RATE == pytest.approx(16.0, abs=0.1)
