"""Noticing what differs between runs that are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snn_mm.analysis.report.consistency import differences
from snn_mm.analysis.report.run_files import read_run

MakeRun = Callable[..., Path]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"environment": {"git": {"commit": "fedcba", "dirty": False}}}, "commit"),
        ({"environment": {"git": {"commit": "0123456789", "dirty": True}}}, "uncommitted changes"),
        ({"environment": {"data": "d2"}}, "data fingerprint"),
        ({"environment": {"packages": {"torch": "2.12"}}}, "version of torch"),
        ({"environment": {"ranks": 2}}, "ranks"),
        ({"trainer.max_epochs": 9}, "protocol: trainer.max_epochs"),
    ],
)
def test_what_should_be_equal_and_is_not(
    make_run: MakeRun, changes: dict[str, Any], what: str
) -> None:
    packages = {"packages": {"torch": "2.11"}} if "torch" in what else {}
    runs = [read_run(make_run("a/1", environment=packages)), read_run(make_run("a/2", **changes))]
    assert list(differences(runs, frozenset())) == [what]
    assert sum(differences(runs, frozenset())[what].values()) == 2


def test_runs_that_differ_in_their_seed_do_not_differ(make_run: MakeRun) -> None:
    runs = [read_run(make_run(f"a/{s}", seed=s)) for s in range(2)]
    assert differences(runs, frozenset()) == {}


def test_data_drawn_by_their_own_seed_do_not_differ_unless_a_seed_gives_two(
    make_run: MakeRun,
) -> None:
    def run(name: str, seed: int, fingerprint: str) -> Any:
        changes = {"data.seed": seed, "environment": {"data": fingerprint}}
        return read_run(make_run(f"a/{name}", **changes))

    runs = [run("1", 0, "d0"), run("2", 1, "d1"), run("3", 1, "d1")]
    assert differences(runs, frozenset()) == {}
    assert list(differences([*runs, run("4", 1, "d9")], frozenset())) == ["data fingerprint"]


def test_what_tasks_train_on_is_the_method_and_no_difference_of_the_data(
    make_run: MakeRun,
) -> None:
    def run(name: str, protocol: str, fingerprint: str) -> Any:
        own = {"memory": 0, "protocol": protocol, "seed": 0}
        data = {"class_path": "datamodules.IncrementalDigits", "init_args": own}
        return read_run(make_run(f"a/{name}", data=data, environment={"data": fingerprint}))

    runs = [run("1", "incremental", "d1"), run("2", "joint", "d2")]
    assert differences(runs, frozenset()) == {}
    assert list(differences([*runs, run("3", "joint", "d9")], frozenset())) == ["data fingerprint"]
