"""Which runs a sweep is made of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from snn_mm.run.directory import write_json
from snn_mm.sweep.cells import MAX_ID, Sweep

WANDB_RESERVED = ":;,#?/'"


def test_every_combination_is_a_run_and_seeds_change_fastest(
    make_sweep: Callable[..., Sweep],
) -> None:
    cells = make_sweep("model.fusion=Sum,FiLM", "g=1,2", seeds="3").cells()
    assert len(cells) == 12
    ids = [cell.run.run_id for cell in cells[:2]]
    assert ids == ["fusion=Sum+g=1+seed=0", "fusion=Sum+g=1+seed=1"]


def test_an_axis_wins_over_flags_and_flags_over_files(make_sweep: Callable[..., Sweep]) -> None:
    (cell,) = make_sweep("config=b.yaml", "k=2", flags=("--trainer.max_epochs", "3")).cells()
    place = ("--run.root=runs", "--run.name=toy-sweep", "--run.id=config=b+k=2")
    files = ("--config=toy.yaml", "--config=b.yaml")
    assert cell.start == ("fit", *files, "--trainer.max_epochs", "3", *place, "--k=2")


@pytest.mark.parametrize(
    "value", ["[[8,16],[4]]", "a/b c,ä:d", "x" * 300 + ",y", '{"class_path": "A"},b', "'',b"]
)
def test_ids_are_safe_for_folders_shells_and_wandb(
    value: str, make_sweep: Callable[..., Sweep]
) -> None:
    for cell in make_sweep(f"k={value}").cells():
        name = cell.run.run_id
        assert len(name) <= MAX_ID
        assert not set(name) & set(WANDB_RESERVED + ' \\"$&|<>()[]{}*!`')


def test_values_that_look_alike_in_an_id_stay_apart(make_sweep: Callable[..., Sweep]) -> None:
    ids = [cell.run.run_id for cell in make_sweep("k=a/b,a b,c").cells()]
    assert len(set(ids)) == 3
    assert ids[2] == "k=c"


@pytest.mark.parametrize(
    ("value", "name"), [("-6", "-6"), ("-1e-3", "-1e-3"), ("[[8,-16]]", "8--16"), ("[[-8]]", "-8")]
)
def test_a_minus_sign_stays_in_the_id(
    value: str, name: str, make_sweep: Callable[..., Sweep]
) -> None:
    (cell,) = make_sweep(f"k={value}").cells()
    assert cell.run.run_id == f"k={name}"


def test_a_run_that_was_started_is_resumed(make_sweep: Callable[..., Sweep]) -> None:
    (cell,) = make_sweep("k=1").cells()
    assert cell.command == cell.start
    cell.run.create()
    write_json(cell.run.results, {"status": "running", "epochs": 2})
    assert cell.command == ("fit", "--resume", "runs/toy-sweep/k=1")
    assert cell.state() == "stopped after 2 epochs"
