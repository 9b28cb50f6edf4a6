"""Modules beside an experiment are found, and found again from the run."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from snn_mm.run.class_folders import FACT, add_class_folders, folders_of, used_class_folders


def test_a_module_beside_an_experiment_is_found_and_shadows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    for name in ("own_layers", "colorsys"):
        (tmp_path / f"{name}.py").write_text("HERE = True\n")
    config = tmp_path / "mine.yaml"
    assert used_class_folders([config]) == []
    add_class_folders([config, config], ["somebody_else"], ["own_layers"])
    assert str(tmp_path) not in sys.path
    add_class_folders([config, config], ["own_layers.part"])
    assert sys.path.count(str(tmp_path)) == 1
    assert import_module("own_layers").HERE
    assert not hasattr(import_module("colorsys"), "HERE")
    assert used_class_folders([config]) == [str(tmp_path)]
    del sys.modules["own_layers"]


def test_a_package_without_init_counts_as_imported_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "layers.py").touch()
    import_module("own_package.layers")
    assert used_class_folders([tmp_path / "mine.yaml"]) == [str(tmp_path)]
    del sys.modules["own_package"], sys.modules["own_package.layers"]


def test_the_config_of_a_run_stands_for_the_folders_it_was_started_with(tmp_path: Path) -> None:
    run, own = tmp_path / "runs" / "mine" / "a", tmp_path / "own"
    run.mkdir(parents=True)
    (run / "environment.json").write_text(json.dumps({FACT: [str(own)]}))
    assert folders_of([run / "config.yaml", own / "x.yaml"]) == [str(own)]
    (run / "environment.json").write_text(json.dumps({FACT: ["own", 3]}))  # of somebody else
    assert folders_of([run / "config.yaml"]) == []
    (run / "environment.json").write_text("{}")  # of a run that kept none
    assert folders_of([run / "config.yaml"]) == []


def test_what_the_working_directory_trusts_is_found_below_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    for folder in ("here", "elsewhere"):
        (tmp_path / folder / "own_package").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    configs = [tmp_path / folder / "mine.yaml" for folder in ("elsewhere", "here")]
    add_class_folders(configs, [], ["own_package"])
    assert sys.path[-1] == str(tmp_path / "here")
    assert str(tmp_path / "elsewhere") not in sys.path
