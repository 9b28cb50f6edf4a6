"""Layers behind neurons keep spikes as bits: equal results, fewer bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import layer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from snn_mm.neurons import IEMFLIF, SpikingSequential, fused_norm, packed_spikes
from snn_mm.neurons.loops import threads
from snn_mm.neurons.packed_spikes import PackedSpikes, Unpacked, packing

DTYPES = (torch.bfloat16, torch.float16)
BLOCK = 256 * 16  # numbers that share words


@pytest.fixture(autouse=True)
def all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_spikes, "_SMALLEST", 1)


def spikes(*shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(shape, generator=generator) < 0.2).to(dtype)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 255, 257, BLOCK, 5 * BLOCK + 300])
def test_bits_become_the_spikes_they_were(
    size: int, dtype: torch.dtype, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_GRAIN", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    x = spikes(size, dtype=dtype)
    kept = packed_spikes._pack(x)
    assert isinstance(kept, PackedSpikes)
    assert kept.words.nbytes <= size / 8 + BLOCK / 8
    assert torch.equal(kept.tensor(), x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_layout_comes_back_too(dtype: torch.dtype) -> None:
    maps = spikes(3, 5, 7, 9, dtype=dtype).contiguous(memory_format=torch.channels_last)
    back = packed_spikes._pack(maps).tensor()
    assert (back.stride(), back.dtype, back.data_ptr() % 64) == (maps.stride(), dtype, 0)
    assert torch.equal(back, maps)


@pytest.mark.parametrize("value", [0.5, 1.0078125, 2.0, -1.0, -0.0, float("inf"), float("nan")])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("where", [0, BLOCK + 17, -1])
def test_what_is_neither_0_nor_1_is_kept_as_it_is(
    where: int, dtype: torch.dtype, value: float
) -> None:
    x = spikes(3 * BLOCK + 30, dtype=dtype)
    x[where] = value
    kept = packed_spikes._pack(x)
    assert isinstance(kept, Unpacked)
    assert kept.tensor().data_ptr() == x.data_ptr()


@pytest.mark.parametrize("x", [spikes(4, 6)[:, ::2], spikes(8).double(), spikes(8).bool()])
def test_holes_and_other_types_are_kept_as_they_are(x: Tensor) -> None:
    assert isinstance(packed_spikes._pack(x), Unpacked)


def maps(dtype: torch.dtype = torch.bfloat16, steps: int = 3, last: bool = True) -> Tensor:
    """Currents `[T, 2, 4, 9, 8]`, channels last or not."""
    x = torch.randn(steps * 2, 4, 9, 8, generator=torch.Generator().manual_seed(0)) * 2
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    return x.to(dtype).unflatten(0, (steps, 2))


def chain(
    kind: type[nn.Sequential] = SpikingSequential,
    dtype: torch.dtype = torch.bfloat16,
    **options: Any,
) -> nn.Module:
    """Neurons, convolution, batch norm, neurons, convolution, neurons, linear layer."""
    torch.manual_seed(0)
    network = kind(
        IEMFLIF(),
        layer.Conv2d(4, 6, 3, **{"padding": 1, "bias": False, **options}),
        layer.BatchNorm2d(6),
        IEMFLIF(),
        layer.Conv2d(6, 5, 1, stride=2),
        IEMFLIF(),
        nn.Flatten(2),
        layer.Linear(5 * 5 * 4 if options.get("stride") is None else 5 * 3 * 2, 3),
    )
    for part in network:
        part.step_mode = "m"
    return network.to(dtype, memory_format=torch.channels_last)


def results(network: nn.Module, x: Tensor, calls: int = 1) -> list[Tensor]:
    """Output, gradients of input and weights, and state after some calls."""
    x = x.detach().requires_grad_()
    for _ in range(calls):
        y = network(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    (y * weights).sum().backward()
    assert y.std() > 0
    assert x.grad is not None
    assert x.grad.any()
    gradients = [parameter.grad for parameter in network.parameters()]
    return [y.detach(), x.grad, *gradients, *network.state_dict().values()]


def kept(call: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What layers that look for spikes keep in a call."""
    found: list[Any] = []
    with monkeypatch.context() as patch:
        own = packed_spikes._pack
        patch.setattr(packed_spikes, "_pack", lambda x: found.append(own(x)) or found[-1])
        call()
    return found


@pytest.mark.parametrize("options", [{}, {"bias": True}, {"groups": 2}, {"stride": 2}], ids=str)
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(("steps", "calls"), [(3, 1), (1, 1), (3, 2)])
def test_bits_of_all_results_are_those_of_torch(
    steps: int, calls: int, last: bool, options: dict[str, Any]
) -> None:
    x = maps(steps=steps, last=last)
    ours, theirs = (
        results(chain(k, **options), x, calls) for k in (SpikingSequential, nn.Sequential)
    )
    assert all(map(torch.equal, ours, theirs))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("autocast", [True, False])
def test_in_every_precision(dtype: torch.dtype, autocast: bool) -> None:
    pair = []
    for kind in (SpikingSequential, nn.Sequential):
        network = chain(kind, torch.float32 if autocast else dtype)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            pair.append(results(network, maps(torch.float32 if autocast else dtype)))
    assert all(map(torch.equal, *pair))


def test_behind_a_norm_in_the_neurons_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_norm, "_SMALLEST", 1)
    found = kept(lambda: results(chain(), maps()), monkeypatch)
    assert sum(isinstance(each, PackedSpikes) for each in found) == 3


def test_layers_keep_bits_of_spikes_and_nothing_of_them_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, x = chain(), maps().requires_grad_()
    found = kept(lambda: network(x), monkeypatch)
    packed = [each.like[0] for each in found if isinstance(each, PackedSpikes)]
    assert packed == [(6, 4, 9, 8), (6, 6, 9, 8), (6, 100)]
    others = {each.kept.data_ptr() for each in found if isinstance(each, Unpacked)}
    assert others <= {parameter.data_ptr() for parameter in network.parameters()}


def test_spikes_in_float32_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = chain(dtype=torch.float32), maps(torch.float32)
    assert not kept(lambda: network(x), monkeypatch)
    with torch.autocast("cpu", torch.bfloat16):
        found = kept(lambda: network(x), monkeypatch)
    assert sum(isinstance(each, PackedSpikes) for each in found) == 3


def test_without_gradients_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def call() -> None:
        with torch.no_grad():
            chain()(maps())

    assert not kept(call, monkeypatch)


def test_recomputed_layers_have_the_same_gradients() -> None:
    def run(again: bool) -> list[Tensor]:
        network, x = chain(), maps().requires_grad_()

        def fresh(x: Tensor) -> Tensor:
            for part in network:
                if isinstance(part, IEMFLIF):
                    part.reset()
            return network(x)

        y = checkpoint(fresh, x, use_reentrant=False) if again else fresh(x)
        y.square().sum().backward()
        return [x.grad, *(parameter.grad for parameter in network.parameters())]

    assert all(map(torch.equal, run(True), run(False)))


def test_hooks_see_the_spikes_once_and_may_change_them() -> None:
    pair = []
    for kind in (SpikingSequential, nn.Sequential):
        network, seen = chain(kind), []
        network[0].register_forward_hook(lambda *each: each[2] * 2)
        network[1].register_forward_hook(lambda *each, seen=seen: seen.append(each[1][0]))
        pair.append(results(network, maps()))
        (given,) = seen
        assert given.unique().tolist() == [0.0, 2.0]
    assert all(map(torch.equal, *pair))


def test_a_weight_changed_before_the_backward_pass_is_an_error() -> None:
    conv = layer.Conv2d(4, 2, 3, step_mode="m").bfloat16()
    y = packing(conv, spikes(2, 1, 4, 5, 5).requires_grad_())
    with torch.no_grad():
        conv.weight.add_(1)
    with pytest.raises(RuntimeError, match=r"\[2, 4, 3, 3\].*changed in place"):
        y.sum().backward()


def test_a_changed_input_has_the_gradient_of_what_was_given() -> None:
    conv, x = layer.Conv2d(4, 2, 3, step_mode="m").bfloat16(), spikes(2, 1, 4, 5, 5)
    theirs = torch.autograd.grad(conv(x.clone()).sum(), conv.weight)
    y = packing(conv, x)
    x.zero_()
    assert torch.equal(*theirs, *torch.autograd.grad(y.sum(), conv.weight))
