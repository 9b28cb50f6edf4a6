"""Which frames of a clip a network sees, and how they become its input."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from datamodules.clips.protocols import Protocol

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def spread(count: int, wanted: int) -> list[int]:
    """Return the middles of `wanted` equal parts of `count` frames."""
    return [(2 * part + 1) * count // (2 * wanted) for part in range(wanted)]


def draw(count: int, wanted: int, rng: np.random.Generator) -> list[int]:
    """Draw `wanted` different frames of `count`, in order; too few are spread with repeats."""
    if count < wanted:
        return spread(count, wanted)
    return sorted(rng.choice(count, wanted, replace=False).tolist())


def augment(
    frames: list[NDArray[np.uint8]], protocol: Protocol, seed: int, out: Tensor | None = None
) -> Tensor:
    """Crop each frame `[H, W, 3]` at random and mirror every second: `[L, 3, size, size]`.

    The crop has 8 to 100 % of the area and a side ratio of 3/4 to 4/3, each frame its own, as the
    published code has it; what is drawn depends on `seed` alone. `out` is where they are put.
    """
    crop, flip = _crop(protocol.image_size), _flip()
    with _seeded(seed):
        return _normalised([flip(crop(_image(frame))) for frame in frames], out)


def resize(
    frames: list[NDArray[np.uint8]], protocol: Protocol, out: Tensor | None = None
) -> Tensor:
    """Resize frames `[H, W, 3]` as the protocol evaluates: `[L, 3, size, size]`, put into `out`."""
    size = protocol.image_size
    images = [_image(frame) for frame in frames]
    if protocol.resize is None:
        return _normalised([functional.resize(image, [size, size]) for image in images], out)
    whole = [functional.resize(image, [protocol.resize]) for image in images]
    return _normalised([functional.center_crop(image, [size, size]) for image in whole], out)


def _image(frame: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.array(frame)).permute(2, 0, 1)  # [H, W, 3] -> [3, H, W]


def _normalised(images: list[Tensor], out: Tensor | None) -> Tensor:
    """Bring images `[3, H, W]` of bytes to ImageNet's mean and deviation, `[L, 3, H, W]`.

    All steps are taken where the values end up: one image is in the processor's cache by then.
    """
    out = torch.empty(len(images), *images[0].shape) if out is None else out
    for place, image in zip(out, images):
        place.copy_(image).mul_(1 / 255)  # as torchvision scales bytes
        functional.normalize(place, IMAGENET_MEAN, IMAGENET_STD, inplace=True)
    return out


@functools.cache
def _crop(size: int) -> v2.RandomResizedCrop:
    return v2.RandomResizedCrop(size, antialias=True)


@functools.cache
def _flip() -> v2.RandomHorizontalFlip:
    return v2.RandomHorizontalFlip()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Give torchvision a random stream of its own, and torch's stream back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
