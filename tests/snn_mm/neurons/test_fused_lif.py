"""The compiled loop against spikingjelly's own operations: equal spikes, equal gradients."""

from __future__ import annotations

import itertools
import multiprocessing

import pytest
import torch
from spikingjelly.activation_based import surrogate
from torch import Tensor

from snn_mm.neurons import IEMFLIF, LIF, fused_lif

SHAPE = (5, 3, 8, 6, 7)  # [T, N, C, H, W]
LAYOUTS = ("contiguous", "channels_last", "repeated", "strided")


def current(layout: str, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """A leaf and the input `[T, N, C, H, W]` made of it in that memory layout."""
    torch.manual_seed(0)
    if layout == "repeated":
        leaf = (torch.randn(SHAPE[1:]) * 2).to(dtype).requires_grad_()
        return leaf, leaf.expand(SHAPE)
    leaf = (torch.randn(SHAPE) * 2).to(dtype).requires_grad_()
    if layout == "channels_last":
        folded = leaf.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return leaf, folded.unflatten(0, SHAPE[:2])
    return leaf, leaf if layout == "contiguous" else leaf.transpose(0, 4).contiguous().transpose(
        0, 4
    )


def run(
    layer: LIF, layout: str, calls: int = 1, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes, last membrane and gradient of a loss on both, after some calls that carry state."""
    leaf, x = current(layout, dtype)
    for _ in range(calls):
        spikes = layer(x)
    weights = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)).to(dtype)
    ((spikes * weights).float().sum() + (layer.v * weights[0]).sum()).backward()
    return spikes, layer.v, leaf.grad


OPTIONS = [
    {"detach_reset": detach, "decay_input": decay, "surrogate_function": function, "tau": tau}
    for detach, decay, (function, tau) in itertools.product(
        (True, False),
        (True, False),
        ((surrogate.PiecewiseQuadratic(2.0), 2.0), (surrogate.ATan(2.0), 3.0)),
    )
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("calls", [1, 2])
def test_equals_spikingjelly(options: dict[str, object], layout: str, calls: int) -> None:
    ours = run(LIF(v_threshold=0.7, **options), layout, calls)
    theirs = run(LIF(v_threshold=0.7, implementation="reference", **options), layout, calls)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    torch.testing.assert_close(ours[2], theirs[2], rtol=1e-6, atol=2e-6)
    assert 0.05 < ours[0].mean() < 0.95


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bit_inputs_equal_spikingjelly_with_a_float32_membrane(
    dtype: torch.dtype, options: dict[str, object], layout: str
) -> None:
    ours = run(LIF(v_threshold=0.7, **options), layout, 2, dtype)
    theirs = run(LIF(v_threshold=0.7, implementation="reference", **options), layout, 2, dtype)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    assert (ours[0].dtype, ours[1].dtype, ours[2].dtype) == (dtype, torch.float32, dtype)
    tolerance = 8 * torch.finfo(dtype).eps  # theirs rounds in every step, ours once
    torch.testing.assert_close(ours[2], theirs[2], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("layout", LAYOUTS[:2])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_16_bit_gradient_is_that_of_float32_rounded_once(dtype: torch.dtype, layout: str) -> None:
    x = current(layout, dtype)[1]
    wide = x.detach().float().requires_grad_()
    weights = torch.randn_like(x)
    (ours,) = torch.autograd.grad(IEMFLIF()(x), x, weights)
    (theirs,) = torch.autograd.grad(IEMFLIF()(wide), wide, weights.float())
    assert torch.equal(ours, theirs.to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", LAYOUTS[:3])
def test_the_layers_take_the_compiled_loop(
    layout: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = fused_lif.fused_lif
    monkeypatch.setattr(fused_lif, "fused_lif", lambda *a: calls.append(1) or real(*a))
    IEMFLIF()(current(layout, dtype)[1])
    IEMFLIF(implementation="reference")(current(layout, dtype)[1])
    assert len(calls) == 1


@pytest.mark.parametrize("layout", LAYOUTS[:3])
def test_keeps_the_input_alone_for_the_backward_pass(layout: str) -> None:
    _, x = current(layout)
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        IEMFLIF()(x)
    assert [t.untyped_storage().data_ptr() for t in saved] == [x.untyped_storage().data_ptr()]


def test_spikes_lie_in_memory_as_the_input_does() -> None:
    x = current("channels_last")[1]
    spikes = IEMFLIF()(x)
    assert spikes.stride() == x.stride()
    assert spikes.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_gradient_in_another_memory_layout() -> None:
    leaf, x = current("channels_last")
    weights = torch.randn(SHAPE)
    gradients = [
        torch.autograd.grad(IEMFLIF(implementation=kind)(x), leaf, weights)[0]
        for kind in ("auto", "reference")
    ]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-6)


def test_threads_share_the_work_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(3, 150_001, requires_grad=True)
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        spikes = IEMFLIF()(x)
        results.append((spikes, *torch.autograd.grad(spikes, x, torch.ones_like(x))))
    assert all(torch.equal(a, b) for a, b in zip(*results))


def _rate_on_two_threads() -> float:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: 2)
        return float(IEMFLIF()(torch.full((4, 100_000), 2.0)).mean())


def _worker(_: int) -> float:
    torch.set_num_threads(1)  # as a data loader does: torch's own threads do not survive a fork
    return _rate_on_two_threads()


def test_works_in_a_forked_worker() -> None:
    assert _rate_on_two_threads() == 1.0  # starts the threads that the fork will not inherit
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.map_async(_worker, [0]).get(timeout=30) == [1.0]


@pytest.mark.parametrize(
    "layer",
    [LIF(surrogate_function=surrogate.Sigmoid()), LIF(surrogate_function=surrogate.Erf())],
)
def test_other_surrogates_take_spikingjellys_operations(layer: LIF) -> None:
    x = torch.randn(4, 10, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.abs().sum() > 0


def test_a_different_batch_starts_from_rest() -> None:
    layer, x = IEMFLIF(), torch.full((2, 4), 0.8)
    layer(x)
    assert torch.equal(layer(x[:, :3]), IEMFLIF()(x[:, :3]))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_no_gradient_is_no_error(mode: type) -> None:
    with mode():
        layer, x = IEMFLIF(), torch.full((3, 1), 0.9)
        first, second = layer(x), layer(x)  # the second starts from the membrane the first left
    assert [*first, *second] == [0, 1, 0, 1, 0, 1]
    assert not layer.v.requires_grad


def test_one_row_is_not_added_up_on_the_way_back() -> None:
    row = torch.randn(2, 3, 4, requires_grad=True)
    rows = fused_lif.repeated(row, 1)
    assert rows.grad_fn is not None
    assert rows.grad_fn.name() == "UnsqueezeBackward0"
    assert torch.equal(IEMFLIF()(rows), IEMFLIF()(row.unsqueeze(0)))
