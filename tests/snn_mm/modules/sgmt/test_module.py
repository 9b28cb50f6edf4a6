from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from snn_mm.contracts import FUSED, FUSION_ONLY
from snn_mm.energy import estimate_energy, preset_cost_model, single_samples
from snn_mm.modules import SGMTModule
from snn_mm.modules.sgmt.layer import NormalisedNeurons
from snn_mm.neurons import is_spiking
from snn_mm.neurons.connected_lif import ConnectedLIF, random_connection

DIMS = {"text": 3, "audio": 2, "visual": 4}
LONGEST = {"text": 4, "audio": 6, "visual": 5}


def module(**options: Any) -> SGMTModule:
    torch.manual_seed(0)
    small = {"width": 8, "heads": 2, "layers": 1, "fusion_layers": 1, "steps": 4}
    return SGMTModule(DIMS, LONGEST, **small | options)


def batch(samples: int = 3) -> Any:
    return {
        "inputs": {name: torch.randn(samples, LONGEST[name], dim) for name, dim in DIMS.items()},
        "lengths": {name: torch.tensor([n, n - 1, 2][:samples]) for name, n in LONGEST.items()},
        "target": torch.zeros(samples),
        "id": [str(i) for i in range(samples)],
    }


def test_weights_of_the_heads_are_those_of_the_paper() -> None:
    assert module().loss_weights == {
        "text": 1.0,
        "audio": 1.0,
        "visual": 1.0,
        FUSION_ONLY: 3.0,
        FUSED: 6.0,
    }
    assert module(modalities=["text", "audio"]).loss_weights.keys() == {
        "text",
        "audio",
        FUSION_ONLY,
        FUSED,
    }


def test_only_the_fusion_network_is_connected() -> None:
    model = module(strength=0.1)
    assert model.fusion is not None
    connected = [part for part in model.fusion.modules() if isinstance(part, ConnectedLIF)]
    assert len(connected) == 2
    assert {part.strength for part in connected} == {0.1}
    assert not any(isinstance(part, ConnectedLIF) for part in model.encoders.modules())


def test_every_option_reaches_every_layer() -> None:
    chosen = {"scale_1": 0.7, "strength": 0.2, "connection_seed": 5, "connection_normalised": True}
    model = module(**chosen, layers=2, fusion_layers=2)
    norms = [part for part in model.modules() if isinstance(part, NormalisedNeurons)]
    assert {part.scale_1 for part in norms} == {0.7}
    assert len(norms) == 2 * 2 * 3 + 2 * 2
    connected = [part for part in model.modules() if isinstance(part, ConnectedLIF)]
    assert {part.strength for part in connected} == {0.2}
    assert torch.equal(connected[0].connection, random_connection(24, 5, normalised=True))


def test_one_switch_makes_the_twin_with_as_many_parameters() -> None:
    model, twin = module(), module(neuron=nn.ReLU)
    assert not is_spiking(twin)
    sizes = [sum(p.numel() for p in m.parameters()) for m in (model, twin)]
    assert sizes[0] == sizes[1]


def test_connection_is_kept_in_the_checkpoint_and_drawn_from_its_own_seed() -> None:
    keys = [name for name in module().state_dict() if name.endswith("connection")]
    assert len(keys) == 2
    torch.manual_seed(5)
    again = SGMTModule(DIMS, LONGEST, width=8, heads=2, layers=1, fusion_layers=1, steps=4)
    assert all(torch.equal(again.state_dict()[key], module().state_dict()[key]) for key in keys)


@pytest.mark.parametrize("merge", ["features", "pairwise"])
def test_energy_counts_spikes_of_projections_as_accumulates(merge: str) -> None:
    model = module(merge=merge, scale_1=2.0).eval()
    report = estimate_energy(model, list(single_samples(batch())), preset_cost_model("45nm-fp32"))
    by_name = {layer.name: layer.counts for layer in report.layers}
    projections = {name: c for name, c in by_name.items() if name.endswith("attention.query")}
    assert projections
    assert all(counts.mac == 0 for counts in projections.values())
    assert sum(counts.synops for counts in projections.values()) > 0
    attention = [c for name, c in by_name.items() if name.endswith(".attention")]
    assert all(counts.mac > 0 for counts in attention)  # Q Kᵀ and A V stay dense
