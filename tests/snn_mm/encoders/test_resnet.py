"""The ResNet-18 against the size of the reference, torchvision, and a plain loop over time."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import resnet18

from snn_mm.encoders import ConvNet, ResNet18
from snn_mm.encoders.base import ImageEncoder
from snn_mm.errors import UserError

PLAIN_LOOP = Path(__file__).parents[3] / "benchmarks" / "plain_loop.py"


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def images(channels: int = 2, dtype: torch.dtype = torch.float32) -> Tensor:
    coarse = torch.randn(3, channels, 5, 6, dtype=dtype, generator=torch.Generator().manual_seed(0))
    return interpolate(coarse * 2, (32, 40), mode="bilinear")


def test_audio_visual_classifier_has_the_reference_size() -> None:
    # Per encoder: convolutions 3x3 and 1x1 11,157,504; batch norms 7,808; stem 7*7*64 a channel.
    encoders = [ResNet18(1), ResNet18(3)]
    assert [count(e) for e in encoders] == [11_157_504 + 7_808 + 3_136 * c for c in (1, 3)]
    ours = count(*encoders, nn.Linear(1024, 6), nn.Linear(512, 6), nn.Linear(512, 6))
    assert ours == 22_355_474
    # Each encoder of the reference also owns a classifier of ten classes that it never calls.
    unused = 2 * count(nn.Linear(512, 10))
    assert ours + unused == 22_365_734  # the reference's 22.37 M


def test_postactivation_is_the_ordinary_resnet18() -> None:
    ours, theirs = ResNet18(3, form="postactivation"), resnet18()
    assert count(ours) == count(theirs) - count(theirs.fc)


def test_postactivation_twin_computes_what_torchvision_does() -> None:
    torch.manual_seed(0)
    ours = ResNet18(3, nn.ReLU, time_steps=1, form="postactivation").double()
    theirs = resnet18().double()
    theirs.fc = nn.Identity()
    # torchvision lists a block's shortcut last, as we do, so the order of the parameters agrees.
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values())))
    x = images(3, torch.float64)
    torch.testing.assert_close(ours(x)[0], theirs(x))


def test_preactivation_ends_without_norm_or_neurons() -> None:
    torch.manual_seed(0)
    assert (ResNet18(2, width=8)(images()) < 0).any()


def test_convolutions_start_from_kaiming_fan_out() -> None:
    conv = ResNet18(3).conv
    assert conv.weight.std().item() == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)


@pytest.fixture(scope="module")
def plain_loop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_loop", PLAIN_LOOP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("encoder", "width"), [(ResNet18, 40), (ConvNet, 32)])
def test_equals_the_plain_loop_of_the_benchmark(
    plain_loop: ModuleType, encoder: type[ImageEncoder], width: int
) -> None:
    torch.manual_seed(0)
    ours = encoder(2)
    for _ in range(10):
        ours(images()[..., :width])
    plain = getattr(plain_loop, f"PlainLoop{encoder.__name__}")(2)
    plain.load_state_dict(dict(zip(plain.state_dict(), ours.state_dict().values())))
    for node in plain_loop.neurons(plain):
        node.v_threshold = float(np.nextafter(0.5, 1))
    x = images(dtype=torch.float64)[..., :width]
    features = ours.double().eval()(x)
    torch.testing.assert_close(plain.double().eval()(x), features, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", ["preactivation", "postactivation"])
def test_checkpointed_blocks_change_nothing(form: str) -> None:
    torch.manual_seed(0)
    plain, saving = (ResNet18(2, form=form, width=8, checkpoint_blocks=c) for c in (False, True))
    saving.load_state_dict(plain.state_dict())
    for encoder in (plain, saving):
        encoder(images()).square().sum().backward()
    for ours, theirs in zip(saving.parameters(), plain.parameters()):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-7)
    states = zip(saving.state_dict().values(), plain.state_dict().values())
    assert all(torch.equal(ours, theirs) for ours, theirs in states)


def test_checkpointed_blocks_save_memory() -> None:
    kept = {}
    for checkpointed in (False, True):
        sizes: list[int] = []
        hooks = torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.append(t.numel()) or t, lambda t: t
        )
        with hooks:
            ResNet18(2, width=8, checkpoint_blocks=checkpointed)(images())
        kept[checkpointed] = sum(sizes)
    assert kept[True] < kept[False] / 2


def test_unknown_form_is_named() -> None:
    with pytest.raises(UserError, match="bottleneck"):
        ResNet18(3, form="bottleneck")
