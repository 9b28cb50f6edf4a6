"""Images: kept byte for byte where they can be, upright and small where not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.store.clip import UnreadableClipError
from datamodules.store.options import DecodeOptions
from datamodules.store.pictures import read_picture

ORIENTATION = 0x0112


def picture(width: int, height: int) -> Image.Image:
    """Return a picture whose left half is white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = 255
    return Image.fromarray(pixels)


def test_a_small_jpeg_keeps_its_bytes(tmp_path: Path) -> None:
    picture(60, 40).save(tmp_path / "a.jpg", quality=50)
    assert read_picture(tmp_path / "a.jpg", DecodeOptions()) == (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [("a.jpg", "RGB", (900, 600)), ("a.jpg", "L", (60, 40)), ("a.png", "RGBA", (60, 40))],
)
def test_others_become_small_colour_jpegs(
    name: str, mode: str, size: tuple[int, int], tmp_path: Path
) -> None:
    picture(*size).convert(mode).save(tmp_path / name)
    stored = Image.open(io.BytesIO(read_picture(tmp_path / name, DecodeOptions())))
    assert (stored.format, stored.mode) == ("JPEG", "RGB")
    assert stored.size == ((384, 256) if size[0] == 900 else size)


def test_a_telephones_picture_is_turned(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[ORIENTATION] = 6  # to be turned by 90 degrees clockwise
    picture(60, 40).save(tmp_path / "a.jpg", exif=turned)
    stored = Image.open(io.BytesIO(read_picture(tmp_path / "a.jpg", DecodeOptions())))
    assert stored.size == (40, 60)
    assert np.asarray(stored)[:30].mean() > 250


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_cut_off_image_is_refused(keep: int, tmp_path: Path) -> None:
    picture(200, 200).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:keep])
    with pytest.raises(UnreadableClipError, match=r"a\.jpg: not a readable image"):
        read_picture(tmp_path / "a.jpg", DecodeOptions())
