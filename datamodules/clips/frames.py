"""Which frames of a clip a network sees, and how they become its input."""

from __future__ import annotations

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


def augment(frames: list[NDArray[np.uint8]], protocol: Protocol, seed: int) -> Tensor:
    """Crop each frame `[H, W, 3]` at random and mirror every second: `[L, 3, size, size]`.

    The crop has 8 to 100 % of the area and a side ratio of 3/4 to 4/3, each frame its own, as the
    published code has it; what is drawn depends on `seed` alone.
    """
    crop, flip = (
        v2.RandomResizedCrop(protocol.image_size, antialias=True),
        v2.RandomHorizontalFlip(),
    )
    with _seeded(seed):
        return _normalised([flip(crop(_image(frame))) for frame in frames])


def resize(frames: list[NDArray[np.uint8]], protocol: Protocol) -> Tensor:
    """Resize frames `[H, W, 3]` as the protocol evaluates: `[L, 3, size, size]`."""
    size = protocol.image_size
    images = [_image(frame) for frame in frames]
    if protocol.resize is None:
        return _normalised([functional.resize(image, [size, size]) for image in images])
    whole = [functional.resize(image, [protocol.resize]) for image in images]
    return _normalised([functional.center_crop(image, [size, size]) for image in whole])


def _image(frame: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.array(frame)).permute(2, 0, 1)  # [H, W, 3] -> [3, H, W]


def _normalised(images: list[Tensor]) -> Tensor:
    """Stack images `[3, H, W]` of bytes and bring them to ImageNet's mean and deviation."""
    scaled = functional.to_dtype(torch.stack(images), torch.float32, scale=True)
    normalised: Tensor = functional.normalize(scaled, IMAGENET_MEAN, IMAGENET_STD, inplace=True)
    return normalised.contiguous()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Give torchvision a random stream of its own, and torch's stream back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
