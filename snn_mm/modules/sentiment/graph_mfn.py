"""Graph-MFN: MFN with a graph of all subsets of modalities in place of the attention."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import torch
from torch import Tensor, nn

from snn_mm.contracts import Presence
from snn_mm.modules.sentiment.memory import (
    Hidden,
    MemoryNetwork,
    delayed,
    hold_last,
    states_of_present,
)
from snn_mm.presence import present_rows

HIDDEN = {"text": 64, "audio": 16, "visual": 64}
PROPOSAL = Hidden(32, 0.7)
RETAIN, UPDATE = Hidden(256, 0.5), Hidden(256, 0.2)
OUTPUT = Hidden(256, 0.2)
CORE = 100
"""Units between the two linear maps of every network of the graph, fixed in MMSA's code."""

Vertex = tuple[str, ...]


class GraphMFN(MemoryNetwork):
    """Memory fusion in which a dynamic fusion graph says what the memory gets to see.

    Structure and defaults are MMSA's (its settings for CH-SIMS v2), with these differences. MMSA
    keeps the networks of the graph's vertices of two and more modalities in a plain dict, where the
    optimizer and the checkpoint do not find them: they are never trained; here they are. Its copies
    of one pattern start with the same weights, and it moves all efficacies to the CPU at every
    step. Its LSTMs run on through the padding; here states and memory stay once a clip has ended.

    Source: Zadeh et al., ACL 2018, https://aclanthology.org/P18-1208.

    Args:
        vertex: units of every vertex of two and more modalities; `inner_node_dim`.
        options: those of `MemoryNetwork`.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = HIDDEN,
        vertex: int = 32,
        proposal: Hidden = PROPOSAL,
        retain: Hidden = RETAIN,
        update: Hidden = UPDATE,
        output: Hidden = OUTPUT,
        **options: Any,
    ) -> None:
        super().__init__(
            feature_dims, max_lengths, hidden, proposal, retain, update, output, **options
        )
        for name, dim in self.feature_dims.items():
            self.encoders[name] = VertexLSTM(dim, self.units[name])
        self.graph = DynamicFusionGraph(self.units, vertex)
        self.build_memory(vertex)

    def attend(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None,
    ) -> tuple[Tensor, Tensor]:
        """Last states `[N, D]`, and the graph's output `[N, T, D']`, of `[N, T, D]` by modality."""
        states, vertices = {}, {}
        for name, lstm in self.encoders.items():
            rows = present_rows(present, name)
            states[name], vertices[name] = states_of_present(
                lstm, rows, inputs[name], lengths[name], self.units[name]
            )
        last = torch.cat([hidden[:, -1] for hidden in states.values()], dim=-1)  # [N, D]
        return last, self.graph(vertices, present)[0]


class VertexLSTM(nn.Module):
    """An LSTM, and a vertex of the graph made of its states of two steps.

    Args:
        feature_dim: D.
        units: D' of states and vertex.
    """

    def __init__(self, feature_dim: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(feature_dim, units, batch_first=True)
        self.transform = nn.Linear(2 * units, units)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """States held after the last valid step, and vertices, `[N, T, D']` each.

        Args:
            x: `[N, T, D]`, zero beyond lengths.
            lengths: `[N]`.
        """
        states = hold_last(self.lstm(x)[0], lengths)
        both = torch.cat([delayed(states), states], dim=-1)  # [N, T, 2 D']
        return states, self.transform(both).relu()


class DynamicFusionGraph(nn.Module):
    """A vertex for every subset of the modalities, connected with a learnt strength.

    Every vertex of two and more modalities is made of all its proper subsets, and the output of all
    vertices; each of these connections is scaled by an efficacy, which a network makes of the
    modalities. Three modalities have 7 vertices and 19 efficacies, two have 3 and 5. A vertex all
    of whose modalities a sample lacks is zero; of others the missing sources are.

    Source: Zadeh et al., ACL 2018, https://aclanthology.org/P18-1208.

    Args:
        units: D of the vertices of single modalities by modality.
        vertex: D' of every other vertex and of the output.

    Attributes:
        sources: by vertex of two and more modalities, what it is made of; by `()`, the output.
    """

    def __init__(self, units: dict[str, int], vertex: int) -> None:
        super().__init__()
        self.vertices = subsets(tuple(units))
        joint = [subset for subset in self.vertices if len(subset) > 1]
        self.sources = {subset: subsets(subset)[:-1] for subset in joint} | {(): self.vertices}
        widths = {
            subset: units[subset[0]] if len(subset) == 1 else vertex for subset in self.vertices
        }
        self.networks = nn.ModuleDict(
            {
                key(target): linear_pair(sum(widths[source] for source in sources), vertex)
                for target, sources in self.sources.items()
            }
        )
        self.efficacies = nn.Sequential(
            linear_pair(sum(units.values()), vertex), nn.Linear(vertex, self.num_efficacies)
        )

    @property
    def num_efficacies(self) -> int:
        """Number of connections."""
        return sum(map(len, self.sources.values()))

    def forward(
        self, modalities: dict[str, Tensor], present: Presence | None = None
    ) -> tuple[Tensor, Tensor]:
        """The output `[N, T, D']` and efficacies `[N, T, E]` of vertices `[N, T, D]` by modality.

        Args:
            modalities: vertices, zero where a sample lacks the modality.
            present: which samples have a modality, bool `[N]`; None where all have all.
        """
        states: dict[Vertex, Tensor] = {(name,): x for name, x in modalities.items()}
        efficacies = self.efficacies(torch.cat(list(modalities.values()), dim=-1))
        shares = iter(efficacies.split(1, dim=-1))
        for target, sources in self.sources.items():
            scaled = [states[source] * next(shares) for source in sources]
            states[target] = self.networks[key(target)](torch.cat(scaled, dim=-1))
            if present is not None and target and all(name in present for name in target):
                there = torch.stack([present[name] for name in target]).any(dim=0)  # [N]
                states[target] = states[target] * there[:, None, None].to(states[target].dtype)
        return states[()], efficacies


def subsets(names: Vertex) -> list[Vertex]:
    """Every subset but the empty one, small ones first."""
    return list(chain.from_iterable(combinations(names, n) for n in range(1, len(names) + 1)))


def key(vertex: Vertex) -> str:
    """The name of a vertex's network: its modalities, or `output`."""
    return "+".join(vertex) or "output"


def linear_pair(in_features: int, out_features: int) -> nn.Sequential:
    """Two linear maps with nothing between them, as MMSA has it."""
    return nn.Sequential(nn.Linear(in_features, CORE), nn.Linear(CORE, out_features))
