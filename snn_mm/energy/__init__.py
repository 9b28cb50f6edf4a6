"""Operations and energy of a network: counting, cost models, formulas, reports."""

from snn_mm.energy.cost import (
    CostModel,
    Preset,
    energy_compute_pj,
    energy_memory_pj,
    formula_energy_pj,
    preset_cost_model,
    purity,
)
from snn_mm.energy.counting import count_operations
from snn_mm.energy.estimate import estimate_energy, single_samples
from snn_mm.energy.layers import Counts, Layer
from snn_mm.energy.report import EnergyReport, EnergySummary

__all__ = [
    "CostModel",
    "Counts",
    "EnergyReport",
    "EnergySummary",
    "Layer",
    "Preset",
    "count_operations",
    "energy_compute_pj",
    "energy_memory_pj",
    "estimate_energy",
    "formula_energy_pj",
    "preset_cost_model",
    "purity",
    "single_samples",
]
