"""LIF and max-pool in one pass against spikingjelly's and torch's operations, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import layer, surrogate
from torch import Tensor, nn

from snn_mm.encoders import ConvNet, ResNet18
from snn_mm.neurons import (
    IEMFLIF,
    LIF,
    SpikingSequential,
    fused_pool,
    pooled_spikes,
    repeated,
)
from snn_mm.neurons.loops import threads

POOLS = [(3, 2, 1), (2, 2, 0), (3, 1, 1), (2, 3, 0), (3, 3, 1), (5, 2, 2)]
SIZES = [(6, 8), (7, 9), (5, 13)]
STEPS, BATCH, CHANNELS = 4, 3, 19  # a vector of channels, and three more


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time the fused pass ran."""
    calls: list[int] = []
    real = fused_pool.pooled_lif
    monkeypatch.setattr(fused_pool, "pooled_lif", lambda *a: calls.append(1) or real(*a))
    monkeypatch.setattr(fused_pool, "_NARROWEST", 1)
    return calls


def maps(
    size: tuple[int, int] = (7, 9),
    steps: int = STEPS,
    dtype: torch.dtype = torch.float32,
    static: bool = False,
) -> tuple[Tensor, Tensor]:
    """A leaf in channels-last, and the current `[T, N, C, H, W]` made of it."""
    count = BATCH if static else steps * BATCH
    draw = torch.randn(count, CHANNELS, *size, generator=torch.Generator().manual_seed(0))
    leaf = (draw * 2 - 1).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    return leaf, repeated(leaf, steps) if static else leaf.unflatten(0, (steps, BATCH))


def pool_of(length: int = 3, stride: int = 2, padding: int = 1) -> nn.Module:
    pool: nn.Module = layer.MaxPool2d(length, stride, padding, step_mode="m")
    return pool


def one_after_the_other(neuron: nn.Module, pool: nn.Module, x: Tensor) -> Tensor:
    pooled: Tensor = pool(neuron(x))
    return pooled


def run(
    neuron: LIF,
    pool: nn.Module,
    inputs: tuple[Tensor, Tensor],
    way: Callable[..., Tensor],
    calls: int,
) -> list[Tensor]:
    """Maxima, membrane and gradient after some calls that carry state."""
    leaf, x = inputs
    for _ in range(calls):
        pooled = way(neuron, pool, x)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(pooled.shape, generator=generator).to(x.dtype).to(pooled.dtype)
    of_v = torch.randn(neuron.v.shape, generator=generator).to(neuron.v.dtype)
    loss = (pooled * weights).double().sum() + (neuron.v * of_v).double().sum()
    return [pooled.detach(), neuron.v.detach(), *torch.autograd.grad(loss, leaf)]


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(("steps", "calls"), [(STEPS, 1), (1, 1), (STEPS, 2)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("window", POOLS)
def test_equals_the_layers_one_after_the_other(
    window: tuple[int, int, int],
    size: tuple[int, int],
    steps: int,
    calls: int,
    static: bool,
    taken: list[int],
) -> None:
    inputs, pool = maps(size, steps, static=static), pool_of(*window)
    ours = run(IEMFLIF(), pool, inputs, pooled_spikes, calls)
    assert len(taken) == calls
    wide = inputs[0].detach().double().requires_grad_()
    wide_x = wide.expand(inputs[1].shape) if static else wide.unflatten(0, (steps, BATCH))
    reference = IEMFLIF(implementation="reference")
    theirs = run(reference, pool, (wide, wide_x), one_after_the_other, calls)
    assert torch.equal(ours[0].double(), theirs[0])
    assert 0 < ours[0].mean() < 1
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        torch.testing.assert_close(mine.double(), other, rtol=2e-5, atol=2e-5)
    if not static:
        plain = run(IEMFLIF(), pool, inputs, one_after_the_other, calls)
        assert all(torch.equal(mine, other) for mine, other in zip(ours, plain, strict=True))


def test_the_winner_is_torchs_in_every_window() -> None:
    # A gradient that tells windows apart, in whole numbers, so that sums say which won.
    leaf, x = maps((9, 9), 1)
    neuron = IEMFLIF(surrogate_function=surrogate.ATan(2.0))
    grads = []
    for way in (pooled_spikes, one_after_the_other):
        neuron.reset()
        pooled = way(neuron, pool_of(), x)
        weights = 2.0 ** torch.arange(25).view(5, 5).expand(pooled.shape)
        grads += torch.autograd.grad(pooled, leaf, weights)
    assert torch.equal(*grads)


@pytest.mark.parametrize("function", [surrogate.ATan(2.0), surrogate.PiecewiseQuadratic(1.0)])
@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("decay_input", [True, False])
def test_every_kind_of_neuron(
    function: surrogate.SurrogateFunctionBase, detach_reset: bool, decay_input: bool
) -> None:
    options: dict[str, Any] = {"surrogate_function": function, "detach_reset": detach_reset}
    options |= {"decay_input": decay_input, "tau": 3.0, "v_threshold": 0.7}
    ours = run(LIF(**options), pool_of(), maps(), pooled_spikes, 2)
    reference = LIF(implementation="reference", **options)
    theirs = run(reference, pool_of(), maps(), one_after_the_other, 2)
    assert torch.equal(ours[0], theirs[0])
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bit_currents_are_computed_in_float32(dtype: torch.dtype, static: bool) -> None:
    inputs = maps(dtype=dtype, static=static)
    wide = inputs[0].detach().float().requires_grad_()
    wide_x = repeated(wide, STEPS) if static else wide.unflatten(0, (STEPS, BATCH))
    ours = run(IEMFLIF(), pool_of(), inputs, pooled_spikes, 1)
    neuron = IEMFLIF()
    pooled = pooled_spikes(neuron, pool_of(), wide_x)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(pooled.shape, generator=generator).to(dtype).float()
    of_v = torch.randn(neuron.v.shape, generator=generator)
    (gradient,) = torch.autograd.grad([pooled, neuron.v], wide, [weights, of_v])
    assert ours[0].dtype == ours[2].dtype == dtype
    assert torch.equal(ours[0].float(), pooled)
    assert torch.equal(ours[1], neuron.v)
    assert torch.equal(ours[2], gradient.to(dtype))  # rounded once


@pytest.mark.parametrize("static", [True, False])
def test_threads_change_nothing(static: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_GRAIN", 1)
    results = []
    for count in (1, 2, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=count: count)
        results.append(run(IEMFLIF(), pool_of(), maps(static=static), pooled_spikes, 2))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("static", [True, False])
def test_keeps_the_input_and_a_byte_a_maximum(static: bool) -> None:
    leaf, x = maps(static=static)
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        pooled = pooled_spikes(IEMFLIF(), pool_of(), x)
    kept = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in saved}
    size = leaf.untyped_storage().nbytes()
    assert sorted(kept.values()) == sorted([size, pooled.numel()])


def test_a_repeated_row_gets_its_gradient_at_once() -> None:
    leaf, x = maps(static=True)
    for spikes in (IEMFLIF()(x), pooled_spikes(IEMFLIF(), pool_of(), x)):
        assert spikes.grad_fn.next_functions[0][0].variable is leaf
    (ours,) = torch.autograd.grad(IEMFLIF()(x).sum(), leaf)
    (theirs,) = torch.autograd.grad(IEMFLIF()(leaf.expand(x.shape)).sum(), leaf)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_a_row_taken_out_of_the_graph_stays_out_of_it() -> None:
    _, x = maps(static=True)
    assert not IEMFLIF()(x.detach()).requires_grad
    assert not pooled_spikes(IEMFLIF(), pool_of(), x.detach()).requires_grad


def test_a_gradient_in_another_memory_layout() -> None:
    leaf, x = maps()
    pooled = pooled_spikes(IEMFLIF(), pool_of(), x)
    gradient = torch.randn(pooled.shape)
    theirs = one_after_the_other(IEMFLIF(), pool_of(), x)
    ours, other = (torch.autograd.grad(p, leaf, gradient)[0] for p in (pooled, theirs))
    assert torch.equal(ours, other)


def test_few_channels_are_left_to_torch(monkeypatch: pytest.MonkeyPatch, taken: list[int]) -> None:
    monkeypatch.setattr(fused_pool, "_NARROWEST", CHANNELS + 1)
    pooled_spikes(IEMFLIF(), pool_of(), maps()[1])
    assert not taken


def test_a_compiled_network_takes_torchs_operations(taken: list[int]) -> None:
    neuron, pool, x = IEMFLIF(), pool_of(), maps()[1].detach()
    traced = torch.compile(lambda x: pooled_spikes(neuron, pool, x), backend="eager")(x)
    assert not taken
    neuron.reset()
    assert torch.equal(traced, pooled_spikes(neuron, pool, x))


def _nothing(*_: Any) -> None: ...


class Doubled(LIF):
    """A layer of one's own, which knows of no pool."""

    def multi_step_forward(self, x_seq: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        assert not kwargs
        return super().multi_step_forward(2 * x_seq)


@pytest.mark.parametrize(
    "change",
    [
        lambda neuron, pool, x: neuron.register_forward_hook(_nothing),
        lambda neuron, pool, x: neuron.register_forward_pre_hook(_nothing),
        lambda neuron, pool, x: neuron.register_full_backward_hook(_nothing),
        lambda neuron, pool, x: pool.register_forward_hook(_nothing),
        lambda neuron, pool, x: pool.register_forward_pre_hook(_nothing),
        lambda neuron, pool, x: setattr(neuron, "implementation", "reference"),
        lambda neuron, pool, x: setattr(neuron, "store_v_seq", True),
        lambda neuron, pool, x: (neuron, pool, x.double()),
        lambda neuron, pool, x: (neuron, pool, x.contiguous()),
        lambda neuron, pool, x: (neuron, pool, x[:1].expand_as(x)),
        lambda neuron, pool, x: (neuron, pool, x[..., ::2]),
        lambda neuron, pool, x: (Doubled(), pool, x),
        lambda neuron, pool, x: (nn.ReLU(), pool, x),
        lambda neuron, pool, x: (neuron, layer.AvgPool2d(2, step_mode="m"), x),
        lambda neuron, pool, x: (neuron, layer.MaxPool2d(2, dilation=2, step_mode="m"), x),
        lambda neuron, pool, x: (neuron, layer.MaxPool2d(2, ceil_mode=True, step_mode="m"), x),
        lambda neuron, pool, x: (neuron, layer.MaxPool2d((2, 3), step_mode="m"), x),
    ],
)
def test_the_rest_runs_one_after_the_other(change: Callable[..., Any], taken: list[int]) -> None:
    neuron, pool, x = IEMFLIF(), pool_of(), maps()[1]
    changed = change(neuron, pool, x)
    neuron, pool, x = changed if isinstance(changed, tuple) else (neuron, pool, x)
    pooled = pooled_spikes(neuron, pool, x)
    assert not taken
    if isinstance(neuron, LIF):
        neuron.reset()
    assert torch.equal(pooled, pool(neuron(x)))


def test_a_window_larger_than_the_map_is_refused_as_torch_does() -> None:
    x = maps((2, 9))[1]
    with pytest.raises(RuntimeError, match="too small"):
        pooled_spikes(IEMFLIF(), pool_of(3, 2, 0), x)


@pytest.mark.parametrize("norm", [True, False])
def test_a_sequence_that_ends_with_neurons(norm: bool, taken: list[int]) -> None:
    x = maps()[1]
    torch.manual_seed(0)
    between = [layer.BatchNorm2d(6, step_mode="m")] if norm else []
    conv = layer.Conv2d(CHANNELS, 6, 3, step_mode="m").to(memory_format=torch.channels_last)
    layers = SpikingSequential(conv, *between, IEMFLIF())
    pooled = pooled_spikes(layers, pool_of(), x)
    assert taken
    layers[-1].reset()
    assert torch.equal(pooled, pool_of()(layers(x)))
    layers.register_forward_hook(_nothing)
    layers[-1].reset()
    taken.clear()
    assert torch.equal(pooled, pooled_spikes(layers, pool_of(), x))
    assert not taken


@pytest.mark.parametrize("kind", ["static", "frames", "events"])
@pytest.mark.parametrize(("encoder", "fused"), [(ResNet18, 1), (ConvNet, 2)])
def test_encoders_pool_in_the_same_pass(
    encoder: Callable[..., nn.Module], fused: int, kind: str, taken: list[int]
) -> None:
    torch.manual_seed(0)
    network = encoder(2, input_kind=kind)
    shape = (3, 2, 24, 32) if kind == "static" else (3, 4, 2, 24, 32)
    x = torch.randn(shape) * 2
    features = network(x)
    assert len(taken) == fused
    gradients = torch.autograd.grad(features.square().sum(), list(network.parameters()))
    for part in network.modules():
        if isinstance(part, nn.MaxPool2d):
            part.register_forward_hook(_nothing)
    network_features = network(x)
    assert len(taken) == fused
    assert torch.equal(features, network_features)
    plain = torch.autograd.grad(network_features.square().sum(), list(network.parameters()))
    for ours, theirs in zip(gradients, plain, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
