"""Reading what a run spent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snn_mm.analysis.report.energy import read_energy

COUNTS = {"compute_pj": 2e6, "memory_pj": 3e6, "formula_pj": 1e6, "synops": 4e6, "purity": 0.9}
CONTENT = {
    "cost_model": {"name": "45 nm"},
    "total": COUNTS,
    "parts": {"audio": {"compute_pj": 5e5}, "fusion": {"compute_pj": 1e5}},
    "ann_twin": {"ratio_compute": 1.7},
}


def test_energies_are_in_microjoules(tmp_path: Path) -> None:
    (tmp_path / "energy.json").write_text(json.dumps(CONTENT) + "\n")
    energy = read_energy(tmp_path, [])
    assert energy is not None
    assert (energy.compute_uj, energy.memory_uj, energy.formula_uj) == (2.0, 3.0, 1.0)
    assert (energy.synops_m, energy.purity, energy.ann_ratio) == (4.0, 0.9, 1.7)
    assert energy.parts_uj == {"audio": 0.5, "fusion": 0.1}
    assert energy.cost_model == "45 nm"


def test_what_a_network_has_not_is_none(tmp_path: Path) -> None:
    content = {**CONTENT, "total": {"compute_pj": 1e6, "purity": None}, "ann_twin": None}
    (tmp_path / "energy.json").write_text(json.dumps(content) + "\n")
    energy = read_energy(tmp_path, [])
    assert energy is not None
    assert energy.purity is energy.ann_ratio is energy.memory_uj is None


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    problems: list[str] = []
    assert read_energy(tmp_path, problems) is None
    assert problems == []


@pytest.mark.parametrize("text", ['{"total": {"compute', '{"total": {}}\n', "[]\n"])
def test_damage_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "energy.json").write_text(text)
    problems: list[str] = []
    assert read_energy(tmp_path, problems) is None
    assert len(problems) == 1
    assert problems[0].startswith("energy.json: ")
