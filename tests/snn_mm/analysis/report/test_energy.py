"""Reading what a run spent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.analysis.report.run_files import read_energy, read_run

COUNTS = {"compute_pj": 2e6, "memory_pj": 3e6, "formula_pj": 1e6, "synops": 4e6, "purity": 0.9}
PARTS = ("parts.audio.compute_pj", "parts.fusion.compute_pj")
CONTENT = {
    "cost_model": {"name": "45 nm"},
    "total": COUNTS,
    "parts": {"audio": {"compute_pj": 5e5}, "fusion": {"compute_pj": 1e5}},
    "ann_twin": {"ratio_compute": 1.7},
}


def test_what_tables_show_is_read_by_dotted_key(tmp_path: Path) -> None:
    layers = [{"name": "conv", "compute_pj": 1.0}]
    (tmp_path / "energy.json").write_text(json.dumps({**CONTENT, "layers": layers}) + "\n")
    energy = read_energy(tmp_path, [])
    assert {key: energy[f"total.{key}"] for key in COUNTS} == COUNTS
    assert energy["parts.audio.compute_pj"] == 5e5
    assert (energy["ann_twin.ratio_compute"], energy["cost_model.name"]) == (1.7, "45 nm")
    assert not any(key.startswith("layers") for key in energy)


def test_what_a_network_has_not_is_no_number(make_run: Callable[..., Path]) -> None:
    content = {**CONTENT, "total": {"compute_pj": 1e6, "purity": None}, "ann_twin": None}
    path = make_run("a/1")
    (path / "energy.json").write_text(json.dumps(content) + "\n")
    numbers = {name for name in read_run(path).metrics if name.startswith("energy.")}
    assert numbers == {f"energy.{key}" for key in ("total.compute_pj", *PARTS)}


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    problems: list[str] = []
    assert read_energy(tmp_path, problems) == {}
    assert problems == []


@pytest.mark.parametrize("text", ['{"total": {"compute', '{"total": {}}\n', "[]\n"])
def test_damage_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "energy.json").write_text(text)
    problems: list[str] = []
    assert read_energy(tmp_path, problems) == {}
    assert len(problems) == 1
    assert problems[0].startswith("energy.json: ")
