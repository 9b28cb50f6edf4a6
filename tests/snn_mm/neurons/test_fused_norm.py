"""Batch norm and LIF in one pass against the two of them in float64, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import layer, surrogate
from torch import Tensor, nn

from snn_mm.neurons import IEMFLIF, LIF, SpikingSequential, fused_norm, normed_spikes
from snn_mm.neurons.loops import threads

MAPS, FEATURES = (5, 3, 8, 6, 7), (5, 6, 40)  # [T, N, C, H, W] and [T, N, D]
HALVES = (torch.bfloat16, torch.float16)


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time the fused pass ran; it is taken for small inputs too."""
    calls: list[int] = []
    real = fused_norm.normed_lif
    monkeypatch.setattr(fused_norm, "normed_lif", lambda *a: calls.append(1) or real(*a))
    monkeypatch.setattr(fused_norm, "_SMALLEST", 1)
    return calls


def given(shape: tuple[int, ...] = MAPS, dtype: torch.dtype = torch.float32) -> Tensor:
    """An input, channels-last if it is maps, whose channels have means and sizes of their own."""
    torch.manual_seed(0)
    channels = (1, 1, -1, *(1 for _ in shape[3:]))
    x = torch.randn(shape) * torch.rand(shape[2]).add(0.5).view(channels)
    x = (x + 3 * torch.randn(shape[2]).view(channels)).to(dtype)
    if len(shape) == 5:
        x = x.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, shape[:2])
    return x.requires_grad_()


def norm_for(x: Tensor, **options: Any) -> nn.Module:
    torch.manual_seed(1)
    kind = layer.BatchNorm2d if x.dim() == 5 else layer.BatchNorm1d
    norm: nn.Module = kind(x.shape[2], step_mode="m", **options)
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.3, 1.5)
    return norm


def run(
    norm: nn.Module, neuron: LIF, x: Tensor, spikes_of: Callable[..., Tensor], calls: int = 1
) -> list[Tensor]:
    """Spikes, membrane, gradients and buffers after some calls that carry state."""
    norm.zero_grad()
    for _ in range(calls):
        spikes = spikes_of(norm, neuron, x)
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(2)).to(x.dtype)
    loss = (spikes * weights).sum() + (neuron.v * weights[0]).sum()
    gradients = torch.autograd.grad(loss, [x, *norm.parameters()])
    return [spikes, neuron.v, *gradients, *norm.buffers()]


def one_after_the_other(norm: nn.Module, neuron: LIF, x: Tensor) -> Tensor:
    spikes: Tensor = neuron(norm(x))
    return spikes


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("shape", [MAPS, FEATURES, (1, *MAPS[1:])])
@pytest.mark.parametrize(
    "options",
    [{}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}, {"eps": 0.1}],
    ids=str,
)
@pytest.mark.parametrize("training", [True, False])
def test_equals_both_in_float64(
    training: bool, options: dict[str, Any], shape: tuple[int, ...], calls: int, taken: list[int]
) -> None:
    x = given(shape)
    norm = norm_for(x, **options).train(training)
    wide = x.detach().double().requires_grad_()
    wide_norm = deepcopy(norm).double()
    ours = run(norm, IEMFLIF(), x, normed_spikes, calls)
    theirs = run(wide_norm, IEMFLIF(implementation="reference"), wide, one_after_the_other, calls)
    assert len(taken) == calls
    assert torch.equal(ours[0].double(), theirs[0])
    assert 0.05 < ours[0].mean() < 0.95
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        torch.testing.assert_close(mine, other.to(mine.dtype), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("function", [surrogate.ATan(2.0), surrogate.PiecewiseQuadratic(1.0)])
@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("decay_input", [True, False])
def test_every_kind_of_neuron(
    function: surrogate.SurrogateFunctionBase, detach_reset: bool, decay_input: bool
) -> None:
    options: dict[str, Any] = {"surrogate_function": function, "detach_reset": detach_reset}
    options |= {"decay_input": decay_input, "tau": 3.0, "v_threshold": 0.7}
    x = given()
    ours = run(norm_for(x), LIF(**options), x, normed_spikes)
    theirs = run(norm_for(x), LIF(implementation="reference", **options), x, one_after_the_other)
    assert torch.equal(ours[0], theirs[0])
    for mine, other in zip(ours[1:], theirs[1:], strict=True):  # both round in float32
        torch.testing.assert_close(mine, other, rtol=2e-5, atol=5e-5)


def test_evaluation_equals_torch_bit_for_bit() -> None:
    x = given()
    norm = norm_for(x)
    norm(x)  # moves the running statistics
    norm.eval()
    ours, theirs = IEMFLIF(), IEMFLIF()
    assert torch.equal(normed_spikes(norm, ours, x), one_after_the_other(norm, theirs, x))
    torch.testing.assert_close(ours.v, theirs.v, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [MAPS, FEATURES])
@pytest.mark.parametrize("dtype", HALVES)
def test_16_bit_inputs_are_computed_in_float32(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    x = given(shape, dtype)
    wide = x.detach().float().requires_grad_()
    ours = run(norm_for(x), IEMFLIF(), x, normed_spikes)
    theirs = run(norm_for(x), IEMFLIF(), wide, normed_spikes)
    assert (ours[0].dtype, ours[1].dtype, ours[2].dtype) == (dtype, torch.float32, dtype)
    assert torch.equal(ours[0].float(), theirs[0])
    assert torch.equal(ours[1], theirs[1])
    tolerance = 16 * torch.finfo(dtype).eps  # the weights of the loss are rounded, and gradients
    for mine, other in zip(ours[2:], theirs[2:], strict=True):
        torch.testing.assert_close(mine.to(other.dtype), other, rtol=tolerance, atol=tolerance)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = given((3, 4, 48, 20, 20))
    monkeypatch.setattr(threads, "_GRAIN", 1 << 12)
    results = []
    for count in (1, 2, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=count: count)
        results.append(run(norm_for(x), IEMFLIF(), x, normed_spikes))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_keeps_the_input_alone_for_the_backward_pass() -> None:
    x = given()
    norm, saved = norm_for(x), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        normed_spikes(norm, IEMFLIF(), x)
    kept = {t.untyped_storage().data_ptr() for t in saved}
    assert kept == {t.untyped_storage().data_ptr() for t in (x, norm.weight, norm.bias)}


def test_a_gradient_in_another_memory_layout() -> None:
    x, gradient = given(), torch.randn(MAPS)
    ours = torch.autograd.grad(normed_spikes(norm_for(x), IEMFLIF(), x), x, gradient)
    theirs = torch.autograd.grad(one_after_the_other(norm_for(x), IEMFLIF(), x), x, gradient)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=5e-5)


def test_hooks_on_neurons_see_their_spikes_in_one_pass(taken: list[int]) -> None:
    x, neuron, seen = given(), IEMFLIF(), []
    neuron.register_forward_hook(lambda _layer, _inputs, spikes: seen.append(spikes))
    assert normed_spikes(norm_for(x), neuron, x) is seen[0]
    assert taken


class Doubled(LIF):
    """A layer of one's own, which knows of no norm."""

    def multi_step_forward(self, x_seq: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        assert not args
        return super().multi_step_forward(2 * x_seq)


def _nothing(*_: Any) -> None: ...


@pytest.mark.parametrize(
    "change",
    [
        lambda norm, neuron, x: norm.register_forward_hook(_nothing),
        lambda norm, neuron, x: norm.register_forward_pre_hook(_nothing),
        lambda norm, neuron, x: neuron.register_forward_pre_hook(_nothing),
        lambda norm, neuron, x: neuron.register_full_backward_hook(_nothing),
        lambda norm, neuron, x: setattr(neuron, "implementation", "reference"),
        lambda norm, neuron, x: setattr(neuron, "store_v_seq", True),
        lambda norm, neuron, x: (norm.double(), x.double()),
        lambda norm, neuron, x: (norm, x.flatten(0, 1).contiguous().unflatten(0, MAPS[:2])),
        lambda norm, neuron, x: (norm, x[..., ::2]),
        lambda norm, neuron, x: (norm, neuron, x, Doubled()),
        lambda norm, neuron, x: (nn.SyncBatchNorm(8).eval(), x[:1]),
    ],
)
def test_the_rest_runs_one_after_the_other(change: Callable[..., Any], taken: list[int]) -> None:
    x = given()
    norm, neuron = norm_for(x), IEMFLIF()
    changed = change(norm, neuron, x)
    if isinstance(changed, tuple):
        norm, x = changed[0], changed[-1] if isinstance(changed[-1], Tensor) else x
        neuron = changed[-1] if isinstance(changed[-1], LIF) else neuron
    assert normed_spikes(norm, neuron, x).shape == x.shape
    assert not taken


def test_small_inputs_are_left_to_torch(monkeypatch: pytest.MonkeyPatch, taken: list[int]) -> None:
    monkeypatch.setattr(fused_norm, "_SMALLEST", MAPS[0] * 3 * 8 * 6 * 7)
    x = given()
    normed_spikes(norm_for(x), IEMFLIF(), x)
    assert not taken


def test_one_number_a_channel_is_refused_as_torch_does() -> None:
    x = torch.randn(1, 1, 4)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        normed_spikes(norm_for(x), IEMFLIF(), x)


def test_a_sequence_of_layers_runs_the_two_as_one(taken: list[int]) -> None:
    x = given()
    layers = [norm_for(x), IEMFLIF(), layer.Conv2d(8, 4, 3, step_mode="m"), norm_for(x[:, :, :4])]
    ours, theirs = SpikingSequential(*layers, nn.ReLU()), nn.Sequential(*layers, nn.ReLU())
    out = ours(x)
    layers[1].reset()
    torch.testing.assert_close(out, theirs(x))
    assert len(taken) == 1
    assert ours.state_dict().keys() == theirs.state_dict().keys()


def test_a_compiled_sequence_takes_torchs_operations(taken: list[int]) -> None:
    x = given().detach()
    layers = SpikingSequential(norm_for(x), IEMFLIF())
    traced = torch.compile(layers, backend="eager")(x)
    assert not taken
    layers[1].reset()
    assert torch.equal(traced, layers(x))
