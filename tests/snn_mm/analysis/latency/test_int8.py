"""Simulated int8 against integers, and what it costs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snn_mm.analysis.latency.int8 import (
    INT8,
    Range,
    int8_energy_pj,
    quantise,
    quantised_activation,
    quantised_weight,
)
from snn_mm.contracts import Batch
from snn_mm.encoders import MLP
from snn_mm.energy import preset_cost_model
from snn_mm.energy.layers import Counts, Layer
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.neurons import IEMFLIF


def test_a_simulated_convolution_is_that_of_integers() -> None:
    x, weight = torch.rand(2, 3, 6, 6) * 3 - 1, torch.randn(4, 3, 3, 3)
    seen = Range().widened(x)
    step = (seen.high - seen.low) / 255
    zero = round(-seen.low / step)
    whole = (torch.round(x.double() / step) + zero).clamp(0, 255)  # 8 bits without sign
    steps = weight.flatten(1).abs().amax(1).double() / 127
    integers = torch.round(weight.double() / steps.view(-1, 1, 1, 1))
    assert integers.abs().max() <= 127
    sums = nn.functional.conv2d(whole - zero, integers)  # whole numbers, exact in float64
    assert bool((sums == sums.round()).all())
    wanted = sums * step * steps.view(1, -1, 1, 1)
    found = nn.functional.conv2d(quantised_activation(x, seen), quantised_weight(weight))
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-5)


def network() -> tuple[IEMFModule, Batch]:
    encoders = {name: MLP(4, IEMFLIF, 2, [6], 5) for name in ("audio", "visual")}
    module = IEMFModule(encoders, Concat, 3).eval()
    inputs = {name: torch.randn(16, 4) for name in encoders}
    batch: Batch = {"inputs": inputs, "target": torch.zeros(16).long(), "id": ["a"] * 16}
    return module, batch


def test_weights_have_255_levels_and_spikes_are_left_alone() -> None:
    module, batch = network()
    names = quantise(module, [batch])
    assert "encoders.audio.linear" in names
    assert "fusion.classifier" in names
    for name in names:
        rows = module.get_submodule(name).weight.data.flatten(1)
        assert all(len(row.abs().unique()) <= 128 for row in rows)
    rounded = [n for n in names if module.get_submodule(n)._forward_pre_hooks]
    assert rounded == ["encoders.audio.linear", "encoders.visual.linear"]  # others see spikes


def test_what_a_layer_is_given_is_clipped_to_what_calibration_saw() -> None:
    module, batch = network()
    quantise(module, [batch])
    seen: list[torch.Tensor] = []
    layer = module.encoders["audio"].linear
    layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    loud = {name: 100 * x for name, x in batch["inputs"].items()}
    module(loud)
    assert len(seen[0].unique()) <= 256
    assert seen[0].abs().max() < 4  # batch norm at rest lets inputs through as they are


def test_products_of_eight_bits_alone_are_cheaper() -> None:
    cost = preset_cost_model("45nm-fp32")
    conv = Layer("conv", "audio", True, Counts(mac=100, ac=60, synops=40, mac_sites=90))
    norm = Layer("norm", "audio", False, Counts(mac=10, ac=30))
    # of the layer 10 MAC and 20 AC are no products
    wanted = 90 * 0.3 + 40 * 0.1 + 10 * 4.6 + 20 * 0.9 + 10 * 4.6 + 30 * 0.9
    assert int8_energy_pj([conv, norm], ["conv"], cost) == pytest.approx(wanted)
    assert (INT8.mac_pj, INT8.ac_pj) == (0.3, 0.1)
