"""LIF' against plain loops and spikingjelly's own operations."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import surrogate
from spikingjelly.activation_based.monitor import OutputMonitor
from spikingjelly.activation_based.neuron import BaseNode
from torch import Tensor, nn

from snn_mm.callbacks.recording.spike_counter import SpikeCounter
from snn_mm.energy.copies import ann_twin, copy_for_counting
from snn_mm.energy.counting import count_operations
from snn_mm.neurons import LIF, SGMTLIF, reset_neurons
from snn_mm.neurons.connected_lif import ConnectedLIF, fire, random_connection

STEPS, SAMPLES, WIDTH = 12, 3, 16
LENGTHS = torch.tensor([12, 5, 9])
VALID = torch.arange(STEPS).unsqueeze(1) < LENGTHS  # [T, N]


def current(dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (STEPS, SAMPLES, WIDTH)
    return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()


def layer(strength: float = 0.3, normalised: bool = False, **options: object) -> ConnectedLIF:
    neuron = partial(LIF, **{"v_threshold": 0.5, "tau": 3.0, **options})
    return ConnectedLIF(WIDTH, neuron, strength, seed=4, normalised=normalised)


def spikes_by_loops(x: np.ndarray, weight: np.ndarray, tau: float, threshold: float) -> np.ndarray:
    """Spikes `[T, D]` of one sample, one neuron and one sender at a time."""
    spikes, v = np.zeros_like(x), np.zeros(WIDTH)
    for t in range(len(x)):
        for i in range(WIDTH):
            arriving = sum(weight[i, j] * spikes[t - 1, j] for j in range(WIDTH)) if t else 0.0
            v[i] += (x[t, i] + arriving - v[i]) / tau
            if v[i] >= threshold:
                spikes[t, i], v[i] = 1.0, 0.0
    return spikes


def test_spikes_drive_the_others_one_step_later() -> None:
    lif, x = layer().double(), current().detach()
    weight = 0.3 * lif.connection.numpy()
    expected = [spikes_by_loops(x[:, n].numpy(), weight, 3.0, 0.5) for n in range(SAMPLES)]
    assert np.array_equal(lif(x).numpy(), np.stack(expected, axis=1))
    unconnected = layer(strength=0.0).double()(x)
    assert not np.array_equal(unconnected.numpy(), np.stack(expected, axis=1))


OPTIONS = [
    {"detach_reset": detach, "decay_input": decay, "surrogate_function": function}
    for detach in (True, False)
    for decay in (True, False)
    for function in (surrogate.ATan(2.0), surrogate.Sigmoid(4.0))
]


def run(
    lif: ConnectedLIF, valid: Tensor | None, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes and last membrane of two calls that carry state, and the current's gradient."""
    x = current(dtype)
    spikes = torch.cat([lif(x, valid), lif(x * 1.1, valid)])
    weights = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(1))
    ((spikes * weights).sum() + (lif.v * weights[0]).sum()).backward()
    return spikes, lif.v, x.grad


@pytest.mark.parametrize("valid", [None, VALID], ids=["full", "padded"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_written_backward_pass_equals_autograd(
    options: dict[str, object], valid: Tensor | None
) -> None:
    ours = run(layer(**options).double(), valid)
    theirs = run(layer(**options, implementation="reference").double(), valid)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    torch.testing.assert_close(ours[2], theirs[2], rtol=1e-12, atol=1e-13)
    assert 0.02 < ours[0].mean() < 0.6


COMPILED = [
    {"detach_reset": detach, "decay_input": decay, "surrogate_function": function}
    for detach in (True, False)
    for decay in (True, False)
    for function in (surrogate.ATan(2.0), surrogate.PiecewiseQuadratic(1.0))
]


@pytest.mark.parametrize("valid", [None, VALID], ids=["full", "padded"])
@pytest.mark.parametrize("options", COMPILED, ids=str)
def test_the_compiled_loops_equal_spikingjellys_operations(
    options: dict[str, object], valid: Tensor | None
) -> None:
    ours = run(layer(**options), valid, torch.float32)
    theirs = run(layer(**options, implementation="reference"), valid, torch.float32)
    assert "Compiled" in type(layer(**options)(current(torch.float32), valid).grad_fn).__name__
    assert torch.equal(ours[0], theirs[0])
    torch.testing.assert_close(ours[1], theirs[1], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours[2], theirs[2], rtol=1e-5, atol=1e-6)


def test_the_compiled_loops_take_any_layout_and_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("snn_mm.neurons.loops.threads._GRAIN", 1)
    x, threads = current(torch.float32).detach(), torch.get_num_threads()
    across = x.permute(2, 1, 0).contiguous().permute(2, 1, 0).requires_grad_()  # [T, N, D]
    expected = layer()(x)
    try:
        torch.set_num_threads(2)
        spikes = layer()(across)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(spikes, expected)
    (gradient,) = torch.autograd.grad(spikes.mean(), across)  # of a repeated number
    assert gradient.isfinite().all()
    assert gradient.any()


def test_strength_0_is_the_plain_layer() -> None:
    x, plain = current(torch.float32), SGMTLIF()
    connected = ConnectedLIF(WIDTH, strength=0.0)
    spikes, expected = connected(x, VALID), plain(x.masked_fill(~VALID.unsqueeze(-1), 0.0))
    assert torch.equal(spikes, expected)
    assert torch.equal(connected.v, plain.v)


@pytest.mark.parametrize("implementation", ["auto", "reference"])
def test_padding_is_silent_and_changes_nothing(implementation: str) -> None:
    lif, x = layer(strength=3.0, implementation=implementation), current(torch.float32).detach()
    spikes = lif(x, VALID)
    assert spikes[VALID].any()
    assert not spikes[~VALID].any()
    for n, length in enumerate(LENGTHS):
        lif.reset()
        assert torch.equal(lif(x[:length, n : n + 1])[:, 0], spikes[:length, n])
    lif.reset()
    assert lif(x.masked_fill(~VALID.unsqueeze(-1), 0.0))[~VALID].any()  # others drive them


def test_reset_brings_back_the_first_answer() -> None:
    lif, x = layer(), current(torch.float32)
    first, carried = lif(x), lif(x)
    reset_neurons(lif)
    assert not torch.equal(first, carried)
    assert torch.equal(lif(x), first)


def test_the_connection_is_its_seeds_and_part_of_a_checkpoint() -> None:
    torch.manual_seed(0)
    first = layer()
    torch.manual_seed(1)
    assert torch.equal(layer().connection, first.connection)
    assert not torch.equal(random_connection(WIDTH, 5), first.connection)
    assert list(first.state_dict()) == ["connection"]
    assert not list(first.parameters())
    assert torch.equal(layer(normalised=True).connection * 4, first.connection)
    many = random_connection(400, 0)
    assert abs(many.mean()) < 0.01
    assert abs(many.std() - 1) < 0.01


@pytest.mark.parametrize("implementation", ["auto", "reference"])
def test_half_precision_keeps_the_membrane_in_single(implementation: str) -> None:
    lif, x = layer(implementation=implementation), current(torch.float32).detach().bfloat16()
    expected = copy.deepcopy(lif)(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        spikes = lif(x)
    assert (spikes.dtype, lif.v.dtype) == (torch.bfloat16, torch.float32)
    assert torch.equal(spikes.float(), expected)


class Network(nn.Module):
    """Neurons that fire into a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.neurons, self.linear = layer(), nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.linear(fire(self.neurons, x, VALID[: len(x), : x.shape[1]]))
        return output


def test_monitors_see_the_spikes_once() -> None:
    network, x = Network(), current(torch.float32)
    monitor = OutputMonitor(network, BaseNode)
    counter = SpikeCounter("fusion", "neurons", network.neurons, membrane_samples=1)
    network(x)
    (seen,) = monitor.records
    network.neurons.reset()
    assert torch.equal(seen, network.neurons(x, VALID))
    assert counter.summarise(lambda counts: counts, 1.0).rate > 0


def test_spikes_between_neurons_are_counted_as_accumulates() -> None:
    network, x = Network(), current(torch.float32).detach()[:, :1]
    spikes = network.neurons(x)
    counts = count_operations(copy_for_counting(network), [x]).by_layer()["neurons"]
    assert spikes[:-1].sum() > 0
    assert (counts.synops, counts.mac) == (int(spikes[:-1].sum()) * WIDTH, 0)


def test_an_activation_in_place_of_the_neurons_is_silent_in_the_padding() -> None:
    twin, x = ann_twin(Network()), current(torch.float32)
    assert isinstance(twin.neurons, nn.Softplus)
    activity = fire(twin.neurons, x, VALID)
    assert torch.equal(activity != 0, VALID.unsqueeze(-1).expand_as(activity))
    assert twin(x).shape == (STEPS, SAMPLES, 2)
