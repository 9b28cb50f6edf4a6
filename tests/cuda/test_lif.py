"""LIF layers on the device against float64 on the CPU: equal spikes, gradients within rounding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from snn_mm.neurons import IEMFLIF, LIF, SCMRLLIF, SGMTLIF, TAAFLIF, ConnectedLIF
from snn_mm.neurons.gpu_lif import MOST_STEPS
from snn_mm.neurons.lif import Implementation

SHAPE = (5, 3, 8, 6, 7)  # [T, N, C, H, W]
PRESETS: dict[str, Callable[..., LIF]] = {
    "iemf": IEMFLIF,
    "iemf-paper": partial(IEMFLIF, form="paper"),
    "taaf": TAAFLIF,
    "sgmt": SGMTLIF,
    "scmrl": SCMRLLIF,
    "scmrl-through-time": partial(SCMRLLIF, detach_membrane=False),
}
ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
LAYOUTS = ("contiguous", "channels_last", "repeated", "strided")


class Found(NamedTuple):
    """What a layer made, on the CPU in float64."""

    spikes: Tensor
    membrane: Tensor
    gradient: Tensor


def current(steps: int) -> Tensor:
    """Multiples of 1/8 `[T, N, C, H, W]`, exact in every type; some membranes hit the threshold."""
    generator = torch.Generator().manual_seed(0)
    return (torch.randn((steps, *SHAPE[1:]), generator=generator) * 10).round() / 8


def laid_out(leaf: Tensor, layout: str, steps: int) -> Tensor:
    """`[T, N, C, H, W]` of a leaf, which has no T where one row is repeated."""
    if layout == "channels_last":
        folded = leaf.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return folded.unflatten(0, leaf.shape[:2])
    if layout == "repeated":
        return leaf.expand(steps, *leaf.shape)
    return leaf.transpose(0, 4).contiguous().transpose(0, 4) if layout == "strided" else leaf


def run(layer: LIF, x: Tensor, layout: str = "contiguous", calls: int = 1) -> Found:
    """Spikes, membrane and gradient of a loss of both, after calls that carry the membrane on."""
    steps = len(x)
    leaf = (x[0] if layout == "repeated" else x).clone().requires_grad_()
    for _ in range(calls):
        spikes = layer(laid_out(leaf, layout, steps))
    generator = torch.Generator().manual_seed(1)
    weight = (torch.randn(x.shape, generator=generator) * 4).round() / 4
    weight = weight.to(x.device, x.dtype)
    membrane = layer.v
    ((spikes * weight).sum() + (membrane * weight[0]).sum()).backward()
    return Found(*(value.detach().cpu().double() for value in (spikes, membrane, leaf.grad)))


def compare(make: Callable[..., LIF], dtype: torch.dtype, device: Any, **how: Any) -> None:
    x = current(how.pop("steps", SHAPE[0]))
    layer = make(implementation=how.pop("implementation", "auto")).to(device)
    found = run(layer, x.to(device, dtype), **how)
    exact = run(make(implementation="reference").double(), x.double(), **how)
    assert 0.02 < exact.spikes.mean() < 0.95
    assert torch.equal(found.spikes, exact.spikes)
    assert layer.v.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert layer.v.device == device
    torch.testing.assert_close(found.membrane, exact.membrane, rtol=0, atol=1e-5)
    scale = float(exact.gradient.abs().max())
    error = float((found.gradient - exact.gradient).abs().max()) / scale
    assert error < ROUNDING[dtype]


KERNELS = pytest.mark.parametrize("implementation", ["auto", "triton"])


@KERNELS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_in_every_type(
    preset: str, dtype: torch.dtype, implementation: str, device: torch.device
) -> None:
    compare(PRESETS[preset], dtype, device, implementation=implementation)


@KERNELS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_every_layout_in_memory(
    layout: str, dtype: torch.dtype, implementation: str, device: torch.device
) -> None:
    compare(IEMFLIF, dtype, device, layout=layout, implementation=implementation)


@KERNELS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_one_time_step(
    layout: str, dtype: torch.dtype, implementation: str, device: torch.device
) -> None:
    compare(SGMTLIF, dtype, device, layout=layout, steps=1, implementation=implementation)


def test_more_steps_than_registers_hold(device: torch.device) -> None:
    compare(IEMFLIF, torch.float32, device, steps=MOST_STEPS + 1, implementation="triton")


@KERNELS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_membrane_that_an_earlier_call_left(
    dtype: torch.dtype, implementation: str, device: torch.device
) -> None:
    how = {"layout": "channels_last", "calls": 2, "implementation": implementation}
    compare(TAAFLIF, dtype, device, **how)


@pytest.mark.parametrize("preset", PRESETS)
def test_under_autocast_the_membrane_is_float32_and_spikes_are_as_the_current(
    preset: str, device: torch.device
) -> None:
    layer = PRESETS[preset]().to(device)
    with torch.autocast(device.type, torch.bfloat16):
        x = torch.nn.functional.linear(*torch.randn(2, 4, 4, device=device))
        spikes = layer(x.expand(3, 4, 4))
    assert (x.dtype, spikes.dtype, layer.v.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)


@KERNELS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_neurons_that_drive_each_other(
    dtype: torch.dtype, implementation: Implementation, device: torch.device
) -> None:
    x = current(5).flatten(2)[..., :20].to(dtype)  # [T, N, D]
    neuron = partial(SGMTLIF, implementation=implementation)
    made = [ConnectedLIF(20, neuron, strength=0.125), ConnectedLIF(20, strength=0.125)]
    with torch.no_grad():
        for layer in made:  # sums that every type and every order of adding has exactly
            layer.connection.copy_((layer.connection * 2).round() / 2)
    found = run(made[0].to(device), x.to(device))
    exact = run(made[1].double(), x.double())
    assert torch.equal(found.spikes, exact.spikes)
    error = (found.gradient - exact.gradient).abs().max() / exact.gradient.abs().max()
    assert error < ROUNDING[dtype]
