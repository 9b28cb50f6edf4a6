"""What is reported of the operations and the energy of a network, per sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from snn_mm.energy.cost import (
    CostModel,
    energy_compute_pj,
    energy_memory_pj,
    formula_energy_pj,
    purity,
)
from snn_mm.energy.layers import Layer, total

PJ_PER_UJ = 1e6


@dataclass(frozen=True)
class EnergySummary:
    """Operations and energy of some layers, per sample.

    Attributes:
        compute_pj: energy of all arithmetic.
        memory_pj: energy of all memory traffic.
        formula_pj: what the field's formula gives.
        purity: share of synaptic operations that binary spikes drive; None where there are none.
    """

    mac: float
    ac: float
    synops: float
    neuron_updates: float
    memory_bytes: float
    compute_pj: float
    memory_pj: float
    formula_pj: float
    purity: float | None


def summarise(layers: Sequence[Layer], cost: CostModel, samples: int) -> EnergySummary:
    """Operations and energy of layers, per sample."""
    counts = total(layers)
    operations = ("mac", "ac", "synops", "neuron_updates", "memory_bytes")
    first_mac = sum(layer.counts.mac_sites for layer in layers if layer.is_first)
    behind = total(layer for layer in layers if not layer.is_first)
    return EnergySummary(
        **{name: getattr(counts, name) / samples for name in operations},
        compute_pj=energy_compute_pj(counts.mac, counts.ac, cost) / samples,
        memory_pj=energy_memory_pj(counts.memory_bytes, cost) / samples,
        formula_pj=formula_energy_pj(first_mac, counts.synops, cost) / samples,
        purity=purity(behind.sites, behind.mac_sites),
    )


@dataclass(frozen=True)
class AnnTwin:
    """The ANN twin of a network on the same input, and how many times its energy it needs.

    Attributes:
        total: per sample; its formula is 4.6 pJ (or what the cost model says) for each MAC of a
            matrix product or a convolution.
        ratio_compute: energy of all arithmetic, ANN over SNN.
        ratio_memory: energy of all memory traffic, ANN over SNN.
        ratio_formula: the formula, ANN over SNN.
    """

    total: EnergySummary
    ratio_compute: float | None
    ratio_memory: float | None
    ratio_formula: float | None


@dataclass(frozen=True)
class EnergyReport:
    """Operations and energy of a network.

    Attributes:
        cost_model: pJ per operation and byte.
        samples: how many samples the means are over.
        layers: counts summed over these samples.
        twin: the ANN twin's layers, counted on one sample; None without one.
        without_rule: how many results operations made that no rule charges for, by operation and
            summed over these samples: they are not in any energy.
    """

    cost_model: CostModel
    samples: int
    layers: list[Layer]
    twin: list[Layer] | None = None
    without_rule: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> EnergySummary:
        """The whole network."""
        return summarise(self.layers, self.cost_model, self.samples)

    @property
    def parts(self) -> dict[str, EnergySummary]:
        """Each modality with its own classifier, and the fusion."""
        parts: dict[str, list[Layer]] = {}
        for layer in self.layers:
            parts.setdefault(layer.part, []).append(layer)
        return {name: summarise(own, self.cost_model, self.samples) for name, own in parts.items()}

    @property
    def ann_twin(self) -> AnnTwin | None:
        """The ANN twin beside the network."""
        if self.twin is None:
            return None
        snn, ann = self.total, _summarise_ann(self.twin, self.cost_model)
        return AnnTwin(
            ann,
            ratio_compute=_ratio(ann.compute_pj, snn.compute_pj),
            ratio_memory=_ratio(ann.memory_pj, snn.memory_pj),
            ratio_formula=_ratio(ann.formula_pj, snn.formula_pj),
        )

    def scalars(self) -> dict[str, float]:
        """The numbers worth a curve; what was not measured is left out."""
        total, twin = self.total, self.ann_twin
        values = {
            "compute_uj": total.compute_pj / PJ_PER_UJ,
            "memory_uj": total.memory_pj / PJ_PER_UJ,
            "formula_uj": total.formula_pj / PJ_PER_UJ,
            "ann_ratio": twin.ratio_compute if twin else None,
            "purity": total.purity,
        }
        return {name: value for name, value in values.items() if value is not None}

    def as_dict(self) -> dict[str, Any]:
        """The content of `energy.json`."""
        return {
            "cost_model": asdict(self.cost_model),
            "samples": self.samples,
            "total": asdict(self.total),
            "parts": {name: asdict(part) for name, part in self.parts.items()},
            "layers": [self._layer_as_dict(layer) for layer in self.layers],
            "ann_twin": asdict(self.ann_twin) if self.ann_twin else None,
            "without_rule": {k: n / self.samples for k, n in self.without_rule.items()},
        }

    def _layer_as_dict(self, layer: Layer) -> dict[str, Any]:
        numbers = asdict(summarise([layer], self.cost_model, self.samples))
        return {"name": layer.name, "part": layer.part, **numbers}


def _summarise_ann(layers: Sequence[Layer], cost: CostModel) -> EnergySummary:
    """Every synaptic operation is a MAC, those of all layers enter the formula; no purity."""
    dense = [Layer(layer.name, layer.part, True, layer.counts.as_ann()) for layer in layers]
    return summarise(dense, cost, samples=1)


def _ratio(ann: float, snn: float) -> float | None:
    return ann / snn if snn > 0 else None
