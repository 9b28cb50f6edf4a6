from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from snn_mm.errors import UserError
from snn_mm.modules.sgmt.layer import Connection, LayerOptions, NormalisedNeurons, SpikingLayer
from snn_mm.neurons import SGMTLIF, reset_neurons
from snn_mm.neurons.connected_lif import ConnectedLIF
from snn_mm.sequences import Sequence

Floats = NDArray[np.float64]
T, N, D, HEADS = 6, 2, 8, 2


def numbers(tensor: torch.Tensor) -> Floats:
    return tensor.detach().double().numpy()


def normalised(x: Floats, norm: nn.LayerNorm, scale: float) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt(x.var(axis=-1, keepdims=True) + norm.eps)
    return np.asarray(scale * (centred / spread * numbers(norm.weight) + numbers(norm.bias)))


def fired(current: Floats, tau: float, threshold: float, connection: Floats | float) -> Floats:
    """Eq. 1 with the recurrent current of LIF' from the step before."""
    potential, spikes = np.zeros(current.shape[1:]), [np.zeros(current.shape[1:])]
    for step in current:
        drive = step + spikes[-1] @ np.asarray(connection).T if np.ndim(connection) else step
        charged = potential + (drive - potential) / tau
        spikes.append((charged >= threshold).astype(float))
        potential = charged * (1 - spikes[-1])
    return np.stack(spikes[1:])


def attended(spikes: Floats, context: Floats, layer: SpikingLayer) -> Floats:
    """Eqs 4-6 for one sample `[T, D]`, with scale_2 of the whole batch's firing rates."""
    weights = [numbers(m.weight).T for m in (layer.attention.query, layer.attention.key)]
    value_weight = numbers(layer.attention.value.weight).T
    width, rate, heads = D // HEADS, np.sqrt(spikes.mean() * context.mean()), []
    for h in range(HEADS):
        part = slice(h * width, (h + 1) * width)
        scale = np.sqrt(weights[0][:, part].var() * weights[1][:, part].var() * width) * D * rate
        outputs = []
        for n in range(N):
            q = spikes[:, n] @ weights[0][:, part]
            k, v = (context[:, n] @ w[:, part] for w in (weights[1], value_weight))
            scores = np.exp(q @ k.T / scale)
            outputs.append(scores / scores.sum(axis=1, keepdims=True) @ v)
        heads.append(np.stack(outputs, axis=1))
    return np.concatenate(heads, axis=-1)


def vary(layer: SpikingLayer) -> SpikingLayer:
    """Give every affine parameter of a norm a value of its own: 1 and 0 would hide them."""
    for part in layer.modules():
        if isinstance(part, nn.LayerNorm):
            nn.init.uniform_(part.weight, 1.0, 3.0)
            nn.init.normal_(part.bias)
    return layer


@pytest.mark.parametrize("cross", [False, True], ids=["self", "cross"])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("connection", [None, Connection(strength=0.3, seed=3)])
def test_layer_equals_equations_3_to_7_in_float64(
    connection: Connection | None, scale: float, cross: bool
) -> None:
    torch.manual_seed(1)
    options = LayerOptions(heads=HEADS, scale_1=scale)
    layer = vary(SpikingLayer(D, options, connection, cross).double())
    x, z = torch.randn(2, T, N, D, dtype=torch.float64)
    valid = torch.ones(T, N, dtype=torch.bool)
    result = layer(Sequence(x, valid), Sequence(z, valid) if cross else None).x

    def spikes(current: Floats, part: NormalisedNeurons) -> Floats:
        omega = 0.3 * numbers(part.neurons.connection) if connection else 0.0
        return fired(current, 2.0, 0.5, omega)

    x_norm = normalised(numbers(x), layer.source.norm, scale)
    x_spike = context = spikes(x_norm, layer.source)
    if layer.context is not None:
        context = spikes(normalised(numbers(z), layer.context.norm, scale), layer.context)
    y_norm = normalised(attended(x_spike, context, layer), layer.attended.norm, scale)
    y_out = spikes(y_norm, layer.attended) @ numbers(layer.linear.weight).T
    r_norm = normalised(y_out + numbers(layer.linear.bias), layer.norm, scale)
    assert numbers(result) == pytest.approx(r_norm + x_norm + y_norm, abs=1e-7)


def test_padding_gives_zeros_and_leaves_the_rest_alone() -> None:
    torch.manual_seed(0)
    layer = SpikingLayer(D, LayerOptions(heads=HEADS), Connection(strength=1.0)).eval()
    x = torch.randn(T, N, D)
    valid = torch.ones(T, N, dtype=torch.bool)
    valid[4:, 0] = False
    padded = layer(Sequence(x.masked_fill(~valid.unsqueeze(-1), 9.0), valid)).x
    assert (padded[4:, 0] == 0).all()
    reset_neurons(layer)
    alone = layer(Sequence(x[:4, :1], valid[:4, :1])).x
    assert torch.allclose(padded[:4, :1], alone, atol=1e-6)


def test_every_neuron_layer_of_a_connected_layer_has_a_matrix_of_its_own() -> None:
    for cross, count in ((False, 2), (True, 3)):
        layer = SpikingLayer(D, LayerOptions(heads=HEADS), Connection(seed=5), cross)
        matrices = [part.connection for part in layer.modules() if isinstance(part, ConnectedLIF)]
        assert len(matrices) == count
        assert not any(torch.equal(a, b) for a, b in combinations(matrices, 2))


def test_twin_has_neither_membrane_nor_connection_and_vanilla_scale() -> None:
    layer = SpikingLayer(D, LayerOptions(heads=HEADS, neuron=nn.ReLU), Connection())
    assert not any(isinstance(part, SGMTLIF | ConnectedLIF) for part in layer.modules())
    assert layer.attention.scale == "sqrt_d"


@pytest.mark.parametrize("options", [{"scale_1": 0.0}, {"heads": 0}])
def test_options_that_make_no_layer_are_named(options: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(options))):
        LayerOptions(**options)  # type: ignore[arg-type]
