"""Damaged files: each is refused with the reason, and none is left open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from datamodules.store.clip import ClipNote, UnreadableClipError
from datamodules.store.media import read_extent
from datamodules.store.sound import read_sound

WriteClip = Callable[..., Path]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "flv"])
def test_extent_is_that_of_the_packets(suffix: str, tmp_path: Path, write_clip: WriteClip) -> None:
    extent = read_extent(write_clip(tmp_path / f"a.{suffix}", 2.0))
    # A sound codec fills its last packet, of up to 4096 samples.
    np.testing.assert_allclose(extent, (2.0, 2.0), atol=4096 / 22050)


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "flv", "wav"])
def test_a_cut_off_file_is_refused(suffix: str, tmp_path: Path, write_clip: WriteClip) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", 4.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reason = "its index is missing" if suffix == "mp4" else "is cut off"
    with pytest.raises(UnreadableClipError, match=rf"a\.{suffix} .*{reason}"):
        read_extent(path)


def test_sound_that_outlasts_the_picture_is_no_damage(
    tmp_path: Path, write_clip: WriteClip
) -> None:
    film = write_clip(tmp_path / "a.mkv", 3.0, keep=lambda time: time < 1.0)
    np.testing.assert_allclose(read_extent(film), (1.0, 3.0), atol=0.2)


def write_declaring(path: Path, whole: int, sound: int) -> Path:
    """Write a second of sound, 16,000 bytes, whose header says other lengths."""
    soundfile.write(path, np.zeros(8000), 8000)
    data = bytearray(path.read_bytes())
    data[4:8], data[40:44] = whole.to_bytes(4, "little"), sound.to_bytes(4, "little")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("whole", "sound"),
    [
        (0xFFFFFFFF, 0xFFFFFFFF),  # FFmpeg
        (0x7FFFF024, 0x7FFFF000),  # SoX, eSpeak NG
        (0x80000024, 0x80000000),  # arecord
        (0x7FFFFFFF, 0x7FFFFFFF),
        (0x80000023, 0x7FFFFFFF),  # LAME
        (0x7FFF0024, 0x7FFF0000),  # GStreamer
        (16036, 0xFFFFFFFF),
        (36, 0),  # Python's wave
    ],
)
def test_a_recording_from_a_pipe_is_read_whole_and_noted(
    whole: int, sound: int, tmp_path: Path
) -> None:
    path = write_declaring(tmp_path / "a.wav", whole, sound)
    with pytest.warns(ClipNote, match=r"^a\.wav: no length in the header"):
        assert read_extent(path).sound == 1.0
    assert len(read_sound(path, 0.0, None)[1]) == 8000


@pytest.mark.parametrize("whole", [0x7FFFF024, 32036, 16036, 0])
def test_a_recording_that_declares_more_sound_is_cut_off(whole: int, tmp_path: Path) -> None:
    path = write_declaring(tmp_path / "a.wav", whole, 32000)
    with pytest.raises(UnreadableClipError, match=r"cut off: it has 16,044 of 32,044 bytes"):
        read_extent(path)


@pytest.mark.filterwarnings("error")
def test_a_recording_that_declares_its_length_is_not_noted(tmp_path: Path) -> None:
    assert read_extent(write_declaring(tmp_path / "a.wav", 16036, 16000)).sound == 1.0


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "is empty"), (b"I am a text\n" * 50, "is no film")],
)
def test_what_is_no_film_is_refused(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    before = open_files()
    for _ in range(5):
        with pytest.raises(UnreadableClipError, match=rf"a\.mp4.*{reason}"):
            read_extent(path)
    assert open_files() == before
