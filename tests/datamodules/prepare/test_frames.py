"""Frames: those shown at the wanted times, upright and of the right size."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from datamodules.prepare.clip import UnreadableClipError
from datamodules.prepare.frames import frame_times, read_frames
from datamodules.prepare.options import DecodeOptions
from snn_mm.errors import UserError

WriteClip = Callable[..., Path]
PLAIN = DecodeOptions()


def open_jpeg(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def shown_times(frames: list[bytes], seconds: float) -> list[float]:
    """Return when each was shown: the right half of `write_clip`'s frames grows to 200."""
    right = [open_jpeg(frame)[:, -16:].mean() for frame in frames]
    return [float(value) / 200 * seconds for value in right]


def test_times_are_the_middles_of_equal_parts() -> None:
    assert frame_times(2.0, 6.0, DecodeOptions(min_frames=1)) == [2.5, 3.5, 4.5, 5.5]
    assert frame_times(0.0, 0.3, PLAIN) == pytest.approx([0.05, 0.15, 0.25])
    assert len(frame_times(0.0, 10.0, DecodeOptions(frames_per_second=2))) == 20


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "flv"])
def test_frames_are_those_shown_at_the_times(
    suffix: str, tmp_path: Path, write_clip: WriteClip
) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", 4.0, frame_rate=20)
    found = shown_times(read_frames(path, 0.0, 4.0, PLAIN), 4.0)
    np.testing.assert_allclose(found, [0.5, 1.5, 2.5, 3.5], atol=0.06)


def test_a_film_of_varying_rate_shows_what_a_player_shows(
    tmp_path: Path, write_clip: WriteClip
) -> None:
    # Frames only in the first and the last second of four: between them, the first's last stays.
    path = write_clip(tmp_path / "a.mkv", 4.0, keep=lambda time: not 1.0 <= time < 3.0)
    found = shown_times(read_frames(path, 0.0, 4.0, PLAIN), 4.0)
    np.testing.assert_allclose(found, [0.5, 0.9, 0.9, 3.5], atol=0.06)


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "flv"])
def test_seeking_finds_the_same_frames(
    suffix: str, tmp_path: Path, write_clip: WriteClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", 60.0, frame_rate=5)
    sparse = DecodeOptions(frames_per_second=0.05)
    sought = read_frames(path, 10.0, 60.0, sparse)
    monkeypatch.setattr("datamodules.prepare.frames.SEEK_GAP", 1e9)
    assert sought == read_frames(path, 10.0, 60.0, sparse)
    times = frame_times(10.0, 60.0, sparse)
    np.testing.assert_allclose(shown_times(sought, 60.0), times, atol=0.6)


@pytest.mark.parametrize(
    ("size", "stored"),
    [((320, 180), (320, 180)), ((640, 360), (455, 256)), ((300, 600), (256, 512))],
)
def test_large_pictures_are_scaled_down(
    size: tuple[int, int], stored: tuple[int, int], tmp_path: Path, write_clip: WriteClip
) -> None:
    path = write_clip(tmp_path / "a.mp4", 0.3, size=size)
    frames = read_frames(path, 0.0, 0.3, PLAIN)
    assert [open_jpeg(frame).shape for frame in frames] == [(stored[1], stored[0], 3)] * 3


@pytest.mark.parametrize(("rotation", "bright"), [(90, "bottom"), (-90, "top"), (180, "right")])
def test_a_lying_film_is_turned(
    rotation: int, bright: str, tmp_path: Path, write_clip: WriteClip
) -> None:
    path = write_clip(tmp_path / "a.mp4", 0.5, rotation=rotation)
    with av.open(path) as film:
        assert next(film.decode(video=0)).rotation % 360 == rotation % 360
    image = open_jpeg(read_frames(path, 0.0, 0.5, PLAIN)[0]).mean(axis=2)
    height, width = image.shape
    halves = {
        "top": image[: height // 2],
        "bottom": image[height // 2 :],
        "left": image[:, : width // 2],
        "right": image[:, width // 2 :],
    }
    assert (width, height) == ((48, 64) if abs(rotation) == 90 else (64, 48))
    assert max(halves, key=lambda name: halves[name].mean()) == bright


@pytest.mark.parametrize(("stop", "film"), [(1.0, {"picture": False}), (0.0, {})])
def test_no_picture_is_refused(
    stop: float, film: dict[str, bool], tmp_path: Path, write_clip: WriteClip
) -> None:
    path = write_clip(tmp_path / "a.mp4", 1.0, **film)
    with pytest.raises(UnreadableClipError, match=r"a\.mp4 has no picture"):
        read_frames(path, 0.0, stop, PLAIN)


@pytest.mark.parametrize(
    "wrong", [{"frames_per_second": 0}, {"min_frames": 0}, {"short_side": 0}], ids=str
)
def test_options_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        DecodeOptions(**wrong)
