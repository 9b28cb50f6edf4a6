"""Reads `energy.json`: what a run spent per sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snn_mm.analysis.report.run_files import as_dict, is_number, read_object

MILLION = 1e6
"""pJ in a µJ, and operations in M."""


@dataclass(frozen=True)
class Energy:
    """Energy and operations per sample.

    Attributes:
        cost_model: name of the cost model.
        compute_uj: energy of the operations; `memory_uj` of the memory traffic, apart from it.
        formula_uj: by the field's formula, first layer MAC and the rest SynOps.
        synops_m: synaptic operations, in millions.
        purity: share of them that binary spikes drove, None where there is none.
        ann_ratio: compute energy of the ANN twin over ours.
        parts_uj: compute energy by modality and for the fusion.
        without_rule: results of operations that are in no number above, by operation.
    """

    cost_model: str
    compute_uj: float
    memory_uj: float | None
    formula_uj: float | None
    synops_m: float | None
    purity: float | None
    ann_ratio: float | None
    parts_uj: dict[str, float] = field(default_factory=dict)
    without_rule: dict[str, float] = field(default_factory=dict)


def read_energy(run: Path, problems: list[str]) -> Energy | None:
    """Read the file; None if there is none, or, with a line in `problems`, if it is damaged."""
    path = run / "energy.json"
    if not path.exists():
        return None
    content = read_object(path, problems)
    total = as_dict(content.get("total"))
    compute = _millions(total, "compute_pj")
    if compute is None:
        if content:
            problems.append("energy.json: total.compute_pj is missing")
        return None
    left_out = as_dict(content.get("without_rule"))
    parts = {name: _millions(counts, "compute_pj") for name, counts in _parts(content)}
    return Energy(
        cost_model=str(as_dict(content.get("cost_model")).get("name", "unnamed")),
        compute_uj=compute,
        memory_uj=_millions(total, "memory_pj"),
        formula_uj=_millions(total, "formula_pj"),
        synops_m=_millions(total, "synops"),
        purity=_number(total, "purity"),
        ann_ratio=_number(as_dict(content.get("ann_twin")), "ratio_compute"),
        parts_uj={name: value for name, value in parts.items() if value is not None},
        without_rule={name: float(n) for name, n in left_out.items() if is_number(n)},
    )


def _parts(content: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, as_dict(counts)) for name, counts in as_dict(content.get("parts")).items()]


def _number(counts: dict[str, Any], key: str) -> float | None:
    return float(counts[key]) if is_number(counts.get(key)) else None


def _millions(counts: dict[str, Any], key: str) -> float | None:
    value = _number(counts, key)
    return None if value is None else value / MILLION
