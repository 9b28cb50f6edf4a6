"""The kernels for a GPU, run by Triton's interpreter on the CPU: equal to the compiled loops there.

Triton reads when it is imported whether it interprets, so they run in a process of their own.
`tests/cuda/` has what a GPU makes of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import surrogate
from torch import Tensor

from snn_mm.neurons import LIF, connected_loop, fused_lif, gpu_lif
from snn_mm.neurons.connected_loop import ConnectedSettings
from snn_mm.neurons.fused_lif import LIFSettings
from snn_mm.neurons.loops.lif import ARCTAN, TRIANGLE

SHAPE = (2, 5, 6, 7)  # [N, C, H, W]
HALVES = (torch.bfloat16, torch.float16)
LAYOUTS = ("contiguous", "channels_last", "expanded", "repeated")


def test_the_kernels_equal_the_loops_of_the_cpu() -> None:
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["48", "8"]


def test_on_a_cpu_nothing_of_it_is_taken() -> None:
    x = torch.randn(2, 3, 4)
    assert not gpu_lif.fits(x)
    assert not gpu_lif.fits_connected(x)
    assert torch.equal(LIF(implementation="triton")(x), LIF()(x))


def laid_out(leaf: Tensor, layout: str, steps: int) -> Tensor:
    """`[T, N, C, H, W]` of a leaf, which has no T where one row is repeated."""
    if layout == "channels_last":
        folded = leaf.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return folded.unflatten(0, leaf.shape[:2])
    if layout == "expanded":
        return leaf.expand(steps, *leaf.shape)
    return fused_lif.repeated(leaf, steps) if layout == "repeated" else leaf


def run(layer: Any, x: Tensor, layout: str, lif: LIFSettings) -> tuple[Tensor, ...]:
    """Spikes, last membrane, and gradients of both inputs."""
    steps = len(x)
    leaf = (x[0] if layout in ("expanded", "repeated") else x).clone().requires_grad_()
    u = torch.full(SHAPE, 0.125).requires_grad_() if lif.decay_input else None
    spikes, last = layer(laid_out(leaf, layout, steps), u, lif)
    weight = torch.linspace(-1, 1, spikes.numel()).view(spikes.shape)
    ((spikes.float() * weight).sum() + (last * weight[0]).sum()).backward()
    gradients = [leaf.grad, torch.zeros(1) if u is None else u.grad]
    return spikes.detach(), last.detach(), *gradients  # type: ignore[return-value]


def compare_lif() -> int:
    """How many kinds of a plain layer were found equal."""
    memory = [*product(LAYOUTS, (torch.float32,)), *product(("expanded",), HALVES)]
    kinds = product((True, False), (True, False), (TRIANGLE, ARCTAN), memory)
    count = 0
    for decay, detach, slope, (layout, dtype) in kinds:
        lif = LIFSettings(2.0, 0.5, 0.0, decay, detach, slope, 2.0)
        x = (torch.randn(1 + 3 * detach, *SHAPE) * 1.5).to(dtype)
        mine = run(gpu_lif.gpu_lif, x, layout, lif)
        theirs = run(fused_lif.fused_lif, x, layout, lif)
        assert torch.equal(mine[0], theirs[0])
        assert torch.equal(mine[1], theirs[1])
        tolerance = 1e-6 if dtype == torch.float32 else 2e-2
        for one, other in zip(mine[2:], theirs[2:], strict=True):
            scale = float(other.abs().max()) or 1.0
            assert float((one - other).abs().max()) <= tolerance * scale, (layout, dtype)
        count += 1
    return count


def run_connected(kind: Any, padded: bool, width: int, settings: Any) -> tuple[Tensor, ...]:
    """Spikes, last membrane, and gradients of current, membrane and spikes before."""
    draw = torch.Generator().manual_seed(3)
    current = (torch.randn(5, 3, width, generator=draw) * 10).round() / 8  # [T, N, D]
    weight = (torch.randn(width, width, generator=draw) * 2).round() / 16
    states = [torch.randn(3, width, generator=draw), torch.ones(3, width)]
    leaves = [each.requires_grad_() for each in (current, *states)]
    padding = torch.rand(5, 3, 1, generator=draw) > 0.7 if padded else None
    spikes, last = kind.apply(*leaves, weight, padding, settings)
    scale = torch.linspace(-1, 1, spikes.numel()).view(spikes.shape)
    ((spikes * scale).sum() + (last * scale[0]).sum()).backward()
    return spikes.detach(), last.detach(), *(each.grad for each in leaves)  # type: ignore[misc]


def compare_connected() -> int:
    """How many kinds of a layer whose neurons drive each other were found equal."""
    kinds = list(product((True, False), (True, False), (20, 64)))
    for decay, padded, width in kinds:
        settings = ConnectedSettings(2.0, 1.0, decay, True, surrogate.ATan(2.0))
        mine, theirs = (
            run_connected(kind, padded, width, settings)
            for kind in (connected_loop._GPUConnectedLIF, connected_loop._ConnectedLIF)
        )
        assert torch.equal(mine[0], theirs[0])
        for one, other in zip(mine, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    return len(kinds)


if __name__ == "__main__":
    torch.manual_seed(0)
    sys.stdout.write(f"{compare_lif()} {compare_connected()}\n")
