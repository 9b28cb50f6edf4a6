"""Corruptions of pictures `[C, H, W]` and films `[L, C, H, W]` with values in [0, 1].

By the same random stream a worse one is more of the same.
"""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms.v2 import functional

Picture = NDArray[np.float32]

IMAGENET_SIDE, IMAGENET_BLUR, CIFAR_BLUR = 224, (1, 2, 3, 4, 6), (0.4, 0.6, 0.7, 0.8, 1.0)
"""Pixels of the side that ImageNet-C blurs, its deviations, and those of CIFAR-10-C in pixels."""


def gaussian_noise(picture: Picture, deviation: float, rng: np.random.Generator) -> Picture:
    """Add Gaussian noise to every value, held within [0, 1] (ImageNet-C).

    Example:
        >>> gaussian_noise(np.full((1, 1, 1), 2.0, np.float32), 0.1, np.random.default_rng(0))
        array([[[1.]]], dtype=float32)
    """
    noise = rng.standard_normal(picture.shape, np.float32)
    return (picture + np.float32(deviation) * noise).clip(0, 1)


def gaussian_blur(picture: Picture, deviation: float, rng: np.random.Generator) -> Picture:
    """Blur by a Gaussian of a deviation in pixels of a side of 224 (ImageNet-C), scaled to others.

    Small pictures are blurred at least by as many pixels as those of CIFAR-10-C.

    Example:
        >>> blurred = gaussian_blur(np.eye(224, dtype=np.float32)[None], 2, None)
        >>> round(float(blurred[0, 112, 112]), 2)  # 1 / (2 sqrt(pi) 2)
        0.14
    """
    least = float(np.interp(deviation, IMAGENET_BLUR, CIFAR_BLUR))
    sigma = max(deviation * min(picture.shape[-2:]) / IMAGENET_SIDE, least)
    # Reflection at the border needs more pixels than the kernel reaches.
    reach = min(max(math.ceil(4 * sigma), 1), min(picture.shape[-2:]) - 1)
    if reach < 1:
        return picture
    blurred = functional.gaussian_blur(torch.from_numpy(picture), 2 * [2 * reach + 1], 2 * [sigma])
    result: Picture = blurred.numpy()
    return result


def brightness(picture: Picture, added: float, rng: np.random.Generator) -> Picture:
    """Add to the value of HSV, the largest channel, and keep hue and saturation (ImageNet-C).

    Example:
        >>> picture = np.float32([0.5, 0.25, 0.0]).reshape(3, 1, 1)
        >>> brightness(picture, 0.5, np.random.default_rng(0)).ravel()
        array([1. , 0.5, 0. ], dtype=float32)
    """
    value = picture.max(axis=-3, keepdims=True)  # [..., C, H, W] -> [..., 1, H, W]
    brighter = (value + np.float32(added)).clip(0, 1)
    scaled: Picture = np.where(value > 0, picture / np.maximum(value, 1e-12) * brighter, brighter)
    return scaled.astype(np.float32)


def jpeg(picture: Picture, quality: float, rng: np.random.Generator) -> Picture:
    """Write each picture as a JPEG of a quality, and read it again (ImageNet-C).

    Pictures have one or three channels; each channel of others is a picture of its own.

    Example:
        >>> grey = np.full((1, 8, 8), 128 / 255, np.float32)
        >>> bool(np.allclose(jpeg(grey, 7, np.random.default_rng(0)), grey))
        True
    """
    channels = 3 if picture.shape[-3] == 3 else 1
    stored = np.round(picture.clip(0, 1) * 255).astype(np.uint8)
    whole = stored.reshape(-1, channels, *picture.shape[-2:])  # [..., C, H, W] -> [B, 1|3, H, W]
    read = np.stack([_rewritten(each, int(quality)) for each in whole])
    return (read.reshape(stored.shape) / 255).astype(np.float32)


def _rewritten(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Bytes `[1|3, H, W]` as a JPEG keeps them."""
    pixels, file = picture.transpose(1, 2, 0), io.BytesIO()  # [C, H, W] -> [H, W, C]
    Image.fromarray(pixels[:, :, 0] if len(picture) == 1 else pixels).save(
        file, "JPEG", quality=quality
    )
    with Image.open(file) as image:
        return np.asarray(image).reshape(pixels.shape).transpose(2, 0, 1)


def occlusion(picture: Picture, part: float, rng: np.random.Generator) -> Picture:
    """Cover a part of the area with a black rectangle of about the picture's proportions.

    It is at the same place in all frames of a film.

    Example:
        >>> int(occlusion(np.ones((1, 10, 10), np.float32), 0.25, np.random.default_rng(0)).sum())
        75
    """
    covered, (height, width) = picture.copy(), picture.shape[-2:]
    rows = max(round(math.sqrt(part) * height), 1)
    columns = min(round(part * height * width / rows), width)
    covered[..., _stretch(height, rows, rng), _stretch(width, columns, rng)] = 0
    return covered


def _stretch(size: int, length: int, rng: np.random.Generator) -> slice:
    """A stretch of `size`, within a longer one of the same random stream."""
    start = int(rng.random() * (size - length + 1))
    return slice(start, start + length)


def frame_loss(picture: Picture, part: float, rng: np.random.Generator) -> Picture:
    """Lose each frame of a film, or a picture, with a probability: it is black.

    Example:
        >>> film = np.ones((1000, 1, 1, 1), np.float32)
        >>> round(float(frame_loss(film, 0.3, np.random.default_rng(0)).mean()), 1)
        0.7
    """
    lost = rng.random(picture.shape[:-3]) < part  # [L], of one picture []
    return np.where(lost[..., None, None, None], np.float32(0), picture)
