"""Images as the store keeps them: upright JPEGs that are not larger than needed."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from datamodules.store.clip import UnreadableClipError
from datamodules.store.options import DecodeOptions

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


def read_picture(path: Path, options: DecodeOptions) -> bytes:
    """Return an image as JPEG; one that is small and upright already keeps its bytes.

    Raises:
        UnreadableClipError: it is missing or damaged.
    """
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            image.load()  # a truncated image fails here
            is_plain = image.format == "JPEG" and image.mode == "RGB" and not _is_turned(image)
            if is_plain and min(image.size) <= options.short_side:
                return data
            return to_jpeg(ImageOps.exif_transpose(image).convert("RGB"), options)
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UnreadableClipError(f"{path.name}: not a readable image ({error})") from error


def _is_turned(image: Image.Image) -> bool:
    return bool(image.getexif().get(0x0112, 1) != 1)  # EXIF's orientation; 1 is upright


def to_jpeg(image: Image.Image, options: DecodeOptions) -> bytes:
    """Scale an RGB image down if it is large, and encode it."""
    scale = options.short_side / min(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=options.jpeg_quality)
    return buffer.getvalue()
