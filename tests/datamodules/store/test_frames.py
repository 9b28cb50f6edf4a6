"""Frames: those shown at the wanted times, upright and of the right size; images, too."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from datamodules.store.clip import DecodeOptions, UnreadableClipError
from datamodules.store.frames import frame_times, read_frames, read_picture
from snn_mm.errors import UserError

WriteClip = Callable[..., Path]
PLAIN = DecodeOptions()
ORIENTATION = 0x0112


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
    monkeypatch.setattr("datamodules.store.frames.SEEK_GAP", 1e9)
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


SHOWN = {
    (1, 0, 0, 1): [0, 1, 2, 3],
    (-1, 0, 0, 1): [1, 0, 3, 2],
    (1, 0, 0, -1): [2, 3, 0, 1],
    (-1, 0, 0, -1): [3, 2, 1, 0],
    (0, 1, 1, 0): [0, 2, 1, 3],
    (0, -1, -1, 0): [3, 1, 2, 0],
    (0, 1, -1, 0): [2, 0, 3, 1],
    (0, -1, 1, 0): [1, 3, 0, 2],
}
"""The quarters, from left to right and downwards, that ffmpeg 5.1 shows of a film whose stored
quarters are 0 to 3, by the display matrix in its header."""


def film_of_quarters(path: Path, matrix: tuple[int, ...]) -> Path:
    """Write a film of quarters from dark to bright, and a display matrix into its header."""
    picture = np.kron(np.array([[30, 90], [150, 210]], np.uint8), np.ones((24, 32), np.uint8))
    with av.open(path, "w") as file:
        video = file.add_stream("mpeg4", 10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for frame in (av.VideoFrame.from_ndarray(picture, "gray"), None):
            file.mux(video.encode(frame and frame.reformat(format="yuv420p")))
    data = bytearray(path.read_bytes())
    (a, b, c, d), at = (65536 * number for number in matrix), data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("matrix", "shown"), SHOWN.items(), ids=str)
def test_each_display_matrix_shows_what_ffmpeg_shows(
    matrix: tuple[int, ...], shown: list[int], tmp_path: Path
) -> None:
    frame = read_frames(film_of_quarters(tmp_path / "a.mp4", matrix), 0.0, 0.1, PLAIN)[0]
    image = open_jpeg(frame).mean(axis=2)
    height, width = image.shape
    assert (width, height) == ((64, 48) if matrix[0] else (48, 64))
    quarters = image.reshape(2, height // 2, 2, width // 2).mean(axis=(1, 3))  # [2, 2]
    assert np.rint((quarters.ravel() - 30) / 60).tolist() == shown


def test_side_data_that_pyav_has_no_name_for_leave_the_turn(tmp_path: Path) -> None:
    # FFmpeg 8 hands on EXIF, which PyAV 18 stumbles over.
    jpeg, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48)).save(jpeg, "JPEG", exif=exif)
    with av.open(tmp_path / "a.avi", "w") as file:
        video = file.add_stream("mjpeg", 10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        packet = av.Packet(jpeg.getvalue())
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = video, 0, 0, True
        file.mux(packet)
    with av.open(tmp_path / "a.avi") as film:
        stored = next(film.decode(video=0)).rotation
    shape = open_jpeg(read_frames(tmp_path / "a.avi", 0.0, 0.1, PLAIN)[0]).shape
    assert shape == ((64, 48, 3) if stored else (48, 64, 3))


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


def picture(width: int, height: int) -> Image.Image:
    """Return a picture whose left half is white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = 255
    return Image.fromarray(pixels)


def test_a_small_jpeg_keeps_its_bytes(tmp_path: Path) -> None:
    picture(60, 40).save(tmp_path / "a.jpg", quality=50)
    assert read_picture(tmp_path / "a.jpg", PLAIN) == (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [("a.jpg", "RGB", (900, 600)), ("a.jpg", "L", (60, 40)), ("a.png", "RGBA", (60, 40))],
)
def test_others_become_small_colour_jpegs(
    name: str, mode: str, size: tuple[int, int], tmp_path: Path
) -> None:
    picture(*size).convert(mode).save(tmp_path / name)
    stored = Image.open(io.BytesIO(read_picture(tmp_path / name, PLAIN)))
    assert (stored.format, stored.mode) == ("JPEG", "RGB")
    assert stored.size == ((384, 256) if size[0] == 900 else size)


def test_a_telephones_picture_is_turned(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[ORIENTATION] = 6  # to be turned by 90 degrees clockwise
    picture(60, 40).save(tmp_path / "a.jpg", exif=turned)
    stored = Image.open(io.BytesIO(read_picture(tmp_path / "a.jpg", PLAIN)))
    assert stored.size == (40, 60)
    assert np.asarray(stored)[:30].mean() > 250


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_cut_off_image_is_refused(keep: int, tmp_path: Path) -> None:
    picture(200, 200).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:keep])
    with pytest.raises(UnreadableClipError, match=r"a\.jpg: not a readable image"):
        read_picture(tmp_path / "a.jpg", PLAIN)
