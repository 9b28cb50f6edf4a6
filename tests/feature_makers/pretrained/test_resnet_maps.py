"""ResNet-18 maps: their size, their values, and weights that don't fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import resnet18

from feature_makers.pretrained.resnet_maps import ResNetMaps
from snn_mm.errors import UserError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(resnet18().state_dict(), path)
    return path


def test_the_last_stage_keeps_14_by_14_positions(weights: Path) -> None:
    frames = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    maps = ResNetMaps(weights).encode(frames)
    network = resnet18().eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    with torch.no_grad():
        third = network.maxpool(network.relu(network.bn1(network.conv1(frames))))
        third = network.layer3(network.layer2(network.layer1(third)))
        # Every second position of maps without stride would be the maps with stride only after the
        # first convolution, so that one is compared.
        first = network.layer4[0]
        strided = first.conv1(third)
        first.conv1.stride = first.downsample[0].stride = (1, 1)
        torch.testing.assert_close(first.conv1(third)[:, :, ::2, ::2], strided)
        expected = network.layer4(third)
    assert maps.shape == (2, 512, 14, 14)
    np.testing.assert_allclose(maps, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_pictures_are_scaled_and_standardised_as_published(weights: Path) -> None:
    frame = ResNetMaps(weights).prepare(Image.new("RGB", (64, 48), (255, 0, 51)))
    assert frame.shape == (3, 224, 224)
    published = [(1 - 0.43216) / 0.22803, (0 - 0.394666) / 0.22145, (0.2 - 0.37645) / 0.216989]
    np.testing.assert_allclose(frame[:, 100, 100], published, rtol=1e-5)


def test_frames_are_those_in_the_middle_of_each_second(weights: Path) -> None:
    times = ResNetMaps(weights).frame_times(12.3)
    assert len(times) == 60
    assert times[:2] == [0.5, 1.5]


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.pth: no such file; accepted is torchvision's"):
        ResNetMaps(tmp_path / "gone.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no weights", "can be read safely"),
        ([1], "hold no state dictionary"),
        ({"conv1.weight": torch.zeros(1)}, "Missing key"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=rf"w\.pth.*{message}"):
        ResNetMaps(path)
