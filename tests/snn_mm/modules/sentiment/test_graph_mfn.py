from __future__ import annotations

import numpy as np
import pytest
import torch

from snn_mm.modules.sentiment.graph_mfn import DynamicFusionGraph, GraphMFN
from snn_mm.modules.sentiment.memory import Hidden

UNITS = {"text": 8, "audio": 6, "visual": 7}
LAYERS = {name: Hidden(16, 0.1) for name in ("proposal", "retain", "update", "output")}


def make(dims: tuple[dict[str, int], dict[str, int]], **options: object) -> GraphMFN:
    torch.manual_seed(0)
    settings = {"hidden": UNITS, "memory": 6, "vertex": 5, "steps": 6, **LAYERS, **options}
    return GraphMFN(*dims, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("modalities", "vertices", "efficacies"), [(1, 1, 1), (2, 3, 5), (3, 7, 19), (4, 15, 65)]
)
def test_graph_has_all_subsets_and_their_connections(
    modalities: int, vertices: int, efficacies: int
) -> None:
    graph = DynamicFusionGraph({f"m{i}": 3 for i in range(modalities)}, 4)
    assert len(graph.vertices) == vertices
    output, shares = graph({f"m{i}": torch.zeros(2, 3) for i in range(modalities)})
    assert output.shape == (2, 4)
    assert shares.shape == (2, efficacies)


def test_graph_of_two_modalities_equals_its_formula() -> None:
    torch.manual_seed(0)
    graph = DynamicFusionGraph({"text": 3, "audio": 2}, 4).double()
    text, audio = torch.randn(6, 3).double(), torch.randn(6, 2).double()
    output, shares = graph({"text": text, "audio": audio})
    weights = {name: value.numpy() for name, value in graph.state_dict().items()}

    def pair(name: str, *parts: np.ndarray) -> np.ndarray:
        x = np.concatenate(parts, axis=1)
        for layer in ("0", "1"):
            x = x @ weights[f"{name}.{layer}.weight"].T + weights[f"{name}.{layer}.bias"]
        return x

    t, a = text.numpy(), audio.numpy()
    alpha = pair("efficacies.0", t, a) @ weights["efficacies.1.weight"].T
    e = (alpha + weights["efficacies.1.bias"]).T[:, :, None]
    joint = pair("networks.text+audio", e[0] * t, e[1] * a)
    expected = pair("networks.output", e[2] * t, e[3] * a, e[4] * joint)
    np.testing.assert_allclose(shares.detach(), e.squeeze(-1).T, rtol=1e-12)
    np.testing.assert_allclose(output.detach(), expected, rtol=1e-10)


def test_vertices_see_the_states_of_two_steps() -> None:
    network = make(({"text": 7}, {"text": 4})).double()
    encoder = network.encoders["text"]
    x, lengths = torch.randn(2, 4, 7).double(), torch.tensor([4, 2])
    states, vertices = encoder(x, lengths)
    assert torch.equal(states[1, 1], states[1, 3])
    before = torch.cat([torch.zeros(2, 1, 8).double(), states[:, :3]], dim=1)
    expected = encoder.transform(torch.cat([before, states], dim=-1)).relu()
    torch.testing.assert_close(vertices, expected)


def test_parameters_are_those_of_mmsa_and_the_vertices_it_never_trains() -> None:
    network = GraphMFN({"text": 768, "audio": 25, "visual": 177}, dict.fromkeys(UNITS, 50))
    joint = [net for name, net in network.graph.networks.items() if name != "output"]
    lost = sum(p.numel() for net in joint for p in net.parameters())
    assert len(joint) == 4
    assert sum(p.numel() for p in network.parameters()) - lost == 925_724
