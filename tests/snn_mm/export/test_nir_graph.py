"""What NIR is given of an encoder: folded norms, thresholds, and what is refused by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import neuron
from torch import nn

from snn_mm.encoders import ConvNet, RecurrentNet
from snn_mm.errors import UserError
from snn_mm.export.nir_graph import DT, encoder_nodes, folded, neuron_node, strict_threshold
from snn_mm.neurons import IEMFLIF, LIF, SGMTLIF, TAAFLIF

nir = pytest.importorskip("nir", reason="needs snn_mm[export]")


def fires(node: object, current: float) -> bool:
    """Whether a neuron of NIR at rest fires in its first step, by its own definition."""
    step = DT / node.tau * (node.v_leak + node.r * current)  # type: ignore[attr-defined]
    return bool((step.astype(np.float32) > node.v_threshold).all())  # type: ignore[attr-defined]


@pytest.mark.parametrize("layer", [IEMFLIF(), SGMTLIF(), TAAFLIF(), LIF(fires_at_threshold=False)])
def test_equality_at_the_threshold_is_as_the_layer_has_it(layer: LIF) -> None:
    node = neuron_node("n", layer, (1,))
    gain = 1 / layer.tau if layer.decay_input else 1.0
    at = layer.v_threshold / gain
    above = float(np.nextafter(np.float32(at), np.float32(math.inf)))
    below = float(np.nextafter(np.float32(at), np.float32(0)))
    for current in (below, at, above):
        layer.reset()
        spiked = bool(layer(torch.full((1, 1, 1), current)))
        assert fires(node, current) == spiked, current
    assert fires(node, at) == layer.fires_at_threshold


def test_constants_are_those_of_forward_euler() -> None:
    lif = neuron_node("n", TAAFLIF(tau=4.0), (2, 3))
    assert lif.tau.shape == (2, 3)
    assert (lif.tau == 4 * DT).all()
    assert (lif.r == 4).all()
    assert (neuron_node("n", IEMFLIF(), (1,)).r == 1).all()
    integrate = neuron_node("n", neuron.IFNode(), (1,))
    assert isinstance(integrate, nir.IF)
    assert integrate.r == 1 / DT
    assert strict_threshold(1.0, fires_at=True) < 1.0


def test_norms_on_both_sides_are_folded() -> None:
    before, linear, behind = nn.BatchNorm1d(4, affine=False), nn.Linear(4, 3), nn.BatchNorm1d(3)
    network = nn.Sequential(before, linear, behind).double()
    with torch.no_grad():
        for norm in (before, behind):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
        behind.weight.normal_()
        behind.bias.normal_()
    network.eval()
    x = torch.randn(5, 4).double()
    weight, bias = folded(linear, before, behind)
    found = x @ torch.from_numpy(weight).double().T + torch.from_numpy(bias).double()
    torch.testing.assert_close(found, network(x), atol=1e-6, rtol=1e-6)


def test_what_nir_lacks_is_refused_by_the_name_of_its_layer() -> None:
    with pytest.raises(UserError, match=r"encoders\.visual\.halve: NIR has no max pooling\n.*pool"):
        encoder_nodes("visual", ConvNet(1), (1, 8, 8))
    ann = ConvNet(1, nn.ReLU, 1, pool="average")
    with pytest.raises(UserError, match=r"encoders\.visual\.neuron: NIR has no ReLU"):
        encoder_nodes("visual", ann, (1, 8, 8))
    uneven = ConvNet(1, pool="average")
    with pytest.raises(UserError, match="maps of 7x7"):
        encoder_nodes("visual", uneven, (1, 28, 28))
    with pytest.raises(UserError, match=r"encoders\.audio: RecurrentNet has no form in NIR"):
        encoder_nodes("audio", RecurrentNet(8, 8), (1, 8, 8))
    with pytest.raises(UserError, match="NIR has no LIFNode"):
        neuron_node("n", neuron.LIFNode(v_reset=None), (1,))
