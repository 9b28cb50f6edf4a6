"""Paths that a config writes to are found wherever they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonargparse import Namespace

from snn_mm.config.trust.places import data_roots, written_outside


def found(trainer: object, run: Path) -> list[str]:
    return written_outside(Namespace(trainer=trainer), run, [run.parents[1]])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs" / "toy" / "a"


def one(**arguments: str) -> Namespace:
    return Namespace(class_path="a.B", init_args=Namespace(**arguments))


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"save_dir": "/etc"}, "save_dir"),
        ({"save_dir": "logs"}, "save_dir"),
        ({"dirpath": "runs/../elsewhere"}, "dirpath"),
        ({"filename": "../../../../../x"}, "filename"),
        ({"name": "/root/.ssh"}, "name"),
        ({"sub_dir": "~"}, "sub_dir"),
        ({"tracking_uri": "file:/tmp"}, "tracking_uri"),
    ],
)
def test_a_path_outside_is_named_with_its_key(
    arguments: dict[str, str], key: str, run: Path
) -> None:
    value = arguments[key]
    assert found({"logger": [one(**arguments)]}, run) == [f"trainer.logger.0.{key}: {value}"]
    assert found({"profiler": one(**arguments)}, run) == [f"trainer.profiler.{key}: {value}"]
    free = Namespace(class_path="a.B", dict_kwargs=arguments)
    assert found({"callbacks": [free]}, run) == [f"trainer.callbacks.0.{key}: {value}"]


def test_what_lies_below_the_runs_or_is_a_name_is_none(run: Path) -> None:
    inside = [
        one(save_dir="runs"),
        one(dirpath=str(run / "more")),
        one(filename="{epoch}-{step}", name="my/name", version="3"),
        one(monitor="/etc"),
    ]
    assert found({"callbacks": inside, "max_epochs": 3, "default_root_dir": str(run)}, run) == []


def test_a_run_may_write_where_its_data_lie(run: Path, tmp_path: Path) -> None:
    held = Namespace(class_path="a.D", init_args=Namespace(root=str(tmp_path / "data")))
    outer = Namespace(class_path="a.Tasks", init_args=Namespace(data=held, root=None))
    settings = Namespace(data=outer, trainer={"logger": one(save_dir="data/logs")})
    assert data_roots(settings) == [tmp_path / "data"]
    assert written_outside(settings, run, data_roots(settings)) == []
