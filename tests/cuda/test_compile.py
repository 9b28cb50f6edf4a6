"""`torch.compile` of encoders and neurons: the same numbers as without, on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from snn_mm.encoders import ConvNet
from snn_mm.neurons import IEMFLIF, LIF, SGMTLIF

# Inductor compiles C++ on a CPU, which takes a minute there.
every_backend = pytest.mark.parametrize(
    "backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]
)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def results(
    call: Callable[..., torch.Tensor], of: nn.Module, x: torch.Tensor
) -> list[torch.Tensor]:
    """Output and gradients of input and parameters."""
    leaf = x.clone().requires_grad_()
    y = call(leaf)
    weight = torch.linspace(-1, 1, y.numel(), dtype=y.dtype, device=y.device).view_as(y)
    return [y.detach(), *torch.autograd.grad((y * weight).sum(), [leaf, *of.parameters()])]


@every_backend
def test_an_encoder(backend: str, device: torch.device) -> None:
    encoder = ConvNet(1, time_steps=3, channels=(4,), feature_dim=5).to(device, torch.float64)
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64, device=device)
    eager = results(encoder, encoder, x)
    found = results(torch.compile(encoder, backend=backend), encoder, x)
    assert float(eager[0].abs().sum()) > 0
    torch.testing.assert_close(found, eager, rtol=1e-8, atol=1e-10)


@every_backend
@pytest.mark.parametrize("make", [IEMFLIF, SGMTLIF])
def test_a_layer_of_neurons(make: type[LIF], backend: str, device: torch.device) -> None:
    x = ((torch.randn(4, 64) * 10).round() / 8).to(device)  # [T, N], exact
    eager, layer = make().to(device), make().to(device)
    expected = results(eager, eager, x)
    found = results(torch.compile(layer, backend=backend), layer, x)
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1], rtol=1e-5, atol=1e-6)
