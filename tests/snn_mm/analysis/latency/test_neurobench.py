"""NeuroBench's measures, counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snn_mm.analysis.latency.neurobench import (
    ACS,
    DENSE,
    FOOTPRINT,
    MACS,
    connections_used,
    footprint_bytes,
    neurobench,
)
from snn_mm.contracts import Batch
from snn_mm.encoders import MLP
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.neurons import IEMFLIF


def test_a_connection_counts_where_input_and_weight_are_nonzero() -> None:
    layer = nn.Linear(3, 2)
    layer.weight.data = torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]])
    assert connections_used(layer, torch.tensor([[5.0, 0.0, 1.0]])) == (3.0, 6.0)


def test_padding_is_no_input() -> None:
    conv = nn.Conv2d(2, 4, 3, padding=1)
    meets = sum((3 - (i in (0, 3))) * (3 - (j in (0, 3))) for i in range(4) for j in range(4))
    assert connections_used(conv, torch.ones(1, 2, 4, 4)) == (meets * 8.0, meets * 8.0)
    one = torch.zeros(5, 1, 2, 4, 4)
    one[0, 0, 0, 0, 0] = 1  # in a corner four outputs of each of four maps see it
    assert connections_used(conv, one) == (16.0, 5 * meets * 8.0)


def test_numbers_and_spikes_are_told_apart_and_repeated_for_every_step() -> None:
    dims = {"audio": 4, "visual": 3}
    encoders = {name: MLP(dim, IEMFLIF, 2, [6], 5) for name, dim in dims.items()}
    module = IEMFModule(encoders, Concat, 3).eval()
    batch: Batch = {
        "inputs": {name: 8 * torch.rand(1, dim) + 0.1 for name, dim in dims.items()},
        "target": torch.zeros(1).long(),
        "id": ["a"],
    }
    found = neurobench(module, [batch])
    assert found[MACS] == 4 * 6 + 3 * 6  # seen once, whatever T
    assert found[DENSE] == found[MACS] + 2 * (2 * 6 * 5) + 2 * (10 * 3 + 5 * 3 + 5 * 3)
    assert found[ACS] < found[DENSE] - found[MACS]
    assert found["connection_sparsity"] == 0
    assert 0 < found["activation_sparsity"] < 1
    weights = module.fusion.classifier.weight.numel()
    shorter = footprint_bytes(module, ["fusion.classifier"])
    assert found[FOOTPRINT] - shorter == pytest.approx(3 * weights - 4 * 3)
