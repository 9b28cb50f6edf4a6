"""Which frames are taken, and that images equal those of the published code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import v2

from datamodules.clips.frames import IMAGENET_MEAN, IMAGENET_STD, augment, draw, resize, spread
from datamodules.clips.protocols import IEMF

SMALL = replace(IEMF, image_size=32)


def photo(height: int = 90, width: int = 120) -> NDArray[np.uint8]:
    """Return a smooth picture whose left half is darker."""
    y, x = np.mgrid[:height, :width]
    return np.stack([2 * x, x + y, 200 - y], axis=-1).clip(0, 255).astype(np.uint8)


def bytes_of(image: Tensor) -> NDArray[np.float32]:
    """Undo the normalisation of `[3, H, W]`."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    return (255 * (image * std[:, None, None] + mean[:, None, None])).numpy()


@pytest.mark.parametrize(
    ("count", "wanted", "expected"),
    [(3, 1, [1]), (10, 1, [5]), (10, 3, [1, 5, 8]), (3, 3, [0, 1, 2]), (1, 3, [0, 0, 0])],
)
def test_frames_are_spread_evenly(count: int, wanted: int, expected: list[int]) -> None:
    assert spread(count, wanted) == expected


def test_drawn_frames_differ_and_keep_their_order() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(10, 3, rng) for _ in range(200)]
    assert all(a < b < c for a, b, c in drawn)
    assert {index for frames in drawn for index in frames} == set(range(10))


def test_too_few_frames_are_repeated() -> None:
    assert draw(2, 3, np.random.default_rng(0)) == [0, 1, 1]


def test_evaluation_squeezes_the_picture_as_iemf_does() -> None:
    theirs = transforms.Resize((32, 32))(Image.fromarray(photo()))
    ours = resize([photo()], SMALL)
    assert ours.shape == (1, 3, 32, 32)
    expected = np.asarray(theirs, np.float32).transpose(2, 0, 1)  # [H, W, 3] -> [3, H, W]
    np.testing.assert_allclose(bytes_of(ours[0]), expected, atol=1.01)


def test_evaluation_cuts_the_middle_as_iemf_does_for_urbansound() -> None:
    steps = transforms.Compose([transforms.Resize(64), transforms.CenterCrop(32)])
    ours = resize([photo()], replace(SMALL, resize=64))
    expected = np.asarray(steps(Image.fromarray(photo())), np.float32).transpose(2, 0, 1)
    np.testing.assert_allclose(bytes_of(ours[0]), expected, atol=1.01)


@pytest.mark.parametrize("training", [True, False])
def test_images_written_to_their_place_have_the_bits_of_torchvisions_steps(training: bool) -> None:
    frames = [photo(), photo(70, 80)]
    out = torch.full((3, 3, 32, 32), torch.nan)
    if training:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            steps = v2.Compose(
                [v2.RandomResizedCrop(32, antialias=True), v2.RandomHorizontalFlip()]
            )
            images = [steps(torch.from_numpy(frame).permute(2, 0, 1)) for frame in frames]
        augment(frames, SMALL, 3, out[1:])
    else:
        images = [
            v2.functional.resize(torch.from_numpy(f).permute(2, 0, 1), [32, 32]) for f in frames
        ]
        resize(frames, SMALL, out[1:])
    scaled = v2.functional.to_dtype(torch.stack(images), torch.float32, scale=True)
    assert torch.equal(out[1:], v2.functional.normalize(scaled, IMAGENET_MEAN, IMAGENET_STD))
    assert out[0].isnan().all()


def test_augmentation_depends_on_its_seed_alone() -> None:
    first = augment([photo()] * 2, SMALL, seed=3)
    torch.manual_seed(11)
    assert torch.equal(augment([photo()] * 2, SMALL, seed=3), first)
    assert not torch.equal(augment([photo()] * 2, SMALL, seed=4), first)


def test_each_frame_has_its_own_crop() -> None:
    first, second = augment([photo()] * 2, SMALL, seed=0)
    assert not torch.equal(first, second)


def test_augmentation_leaves_the_stream_of_torch_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    augment([photo()], SMALL, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_half_of_the_pictures_are_mirrored() -> None:
    images = torch.cat([augment([photo()], SMALL, seed) for seed in range(200)])
    halves = images[:, 0].split(16, dim=-1)
    mirrored = halves[0].mean((1, 2)) > halves[1].mean((1, 2))
    assert 70 < int(mirrored.sum()) < 130
