from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from snn_mm.connected_lif import ConnectedLIF
from snn_mm.errors import UserError
from snn_mm.neurons import SGMTLIF, reset_neurons
from snn_mm.sgmt.layer import Connection, LayerOptions, SpikingLayer

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


def attended(spikes: Floats, layer: SpikingLayer) -> Floats:
    """Eqs 4-6 for one sample `[T, D]`, with scale_2 of the whole batch's firing rate."""
    weights = [numbers(m.weight).T for m in (layer.attention.query, layer.attention.key)]
    value_weight = numbers(layer.attention.value.weight).T
    width, rate, heads = D // HEADS, spikes.mean(), []
    for h in range(HEADS):
        part = slice(h * width, (h + 1) * width)
        scale = np.sqrt(weights[0][:, part].var() * weights[1][:, part].var() * width) * D * rate
        outputs = []
        for n in range(N):
            q, k, v = (spikes[:, n] @ w[:, part] for w in (*weights, value_weight))
            scores = np.exp(q @ k.T / scale)
            outputs.append(scores / scores.sum(axis=1, keepdims=True) @ v)
        heads.append(np.stack(outputs, axis=1))
    return np.concatenate(heads, axis=-1)


@pytest.mark.parametrize("connection", [None, Connection(strength=0.3, seed=3)])
def test_layer_equals_equations_3_to_7_in_float64(connection: Connection | None) -> None:
    torch.manual_seed(1)
    layer = SpikingLayer(D, LayerOptions(heads=HEADS, scale_1=1.0), connection).double()
    x = torch.randn(T, N, D, dtype=torch.float64)
    result = layer(x, torch.ones(T, N, dtype=torch.bool))

    omega = [
        0.3 * numbers(part.neurons.connection) if connection else 0.0
        for part in (layer.source, layer.attended)
    ]
    x_norm = normalised(numbers(x), layer.source.norm, 1.0)
    y = attended(fired(x_norm, 2.0, 0.5, omega[0]), layer)
    y_norm = normalised(y, layer.attended.norm, 1.0)
    y_out = fired(y_norm, 2.0, 0.5, omega[1]) @ numbers(layer.linear.weight).T
    r_norm = normalised(y_out + numbers(layer.linear.bias), layer.norm, 1.0)
    assert numbers(result) == pytest.approx(r_norm + x_norm + y_norm, abs=1e-9)


def test_padding_gives_zeros_and_leaves_the_rest_alone() -> None:
    torch.manual_seed(0)
    layer = SpikingLayer(D, LayerOptions(heads=HEADS), Connection(strength=1.0)).eval()
    x = torch.randn(T, N, D)
    valid = torch.ones(T, N, dtype=torch.bool)
    valid[4:, 0] = False
    padded = layer(x.masked_fill(~valid.unsqueeze(-1), 9.0), valid)
    assert (padded[4:, 0] == 0).all()
    reset_neurons(layer)
    alone = layer(x[:4, :1], valid[:4, :1])
    assert torch.allclose(padded[:4, :1], alone, atol=1e-6)


def test_every_neuron_layer_of_a_connected_layer_has_a_matrix_of_its_own() -> None:
    layer = SpikingLayer(D, LayerOptions(heads=HEADS), Connection(seed=5), cross=True)
    matrices = [part.connection for part in layer.modules() if isinstance(part, ConnectedLIF)]
    assert len(matrices) == 3
    assert not any(torch.equal(a, b) for a, b in ((matrices[0], matrices[1]), matrices[1:]))


def test_twin_has_neither_membrane_nor_connection_and_vanilla_scale() -> None:
    layer = SpikingLayer(D, LayerOptions(heads=HEADS, neuron=nn.ReLU), Connection())
    assert not any(isinstance(part, SGMTLIF | ConnectedLIF) for part in layer.modules())
    assert layer.attention.scale == "sqrt_d"


@pytest.mark.parametrize("options", [{"scale_1": 0.0}, {"heads": 0}])
def test_options_that_make_no_layer_are_named(options: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(options))):
        LayerOptions(**options)  # type: ignore[arg-type]
