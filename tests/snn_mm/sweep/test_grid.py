"""`--grid` and `--seeds` as they are typed."""

from __future__ import annotations

import pytest

from snn_mm.errors import UserError
from snn_mm.sweep.grid import Axis, make_axes, parse_grid, parse_seeds, parse_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Concat,FiLM", ("Concat", "FiLM")),
        ("1e-3,0.1", ("1e-3", "0.1")),
        ("off,null", ("off", "null")),
        ("[a,b]", ("a", "b")),
        ("[[1,2],[3,4]]", ("[1, 2]", "[3, 4]")),
        ("[1,2],[3,4]", ("[1, 2]", "[3, 4]")),
        ('"a,b",c', ("a,b", "c")),
        ("{class_path: A, init_args: {x: on}}", ('{"class_path": "A", "init_args": {"x": true}}',)),
    ],
)
def test_values_are_split_at_outer_commas_and_kept_as_typed(
    text: str, values: tuple[str, ...]
) -> None:
    assert parse_values("key", text) == values


@pytest.mark.parametrize(("text", "seeds"), [("3", ("0", "1", "2")), ("7, 3", ("7", "3"))])
def test_seeds_are_a_count_or_a_list(text: str, seeds: tuple[str, ...]) -> None:
    assert parse_seeds(text) == seeds


def test_seeds_come_last_and_may_set_several_keys() -> None:
    axes = make_axes({"model.fusion": ("Sum",)}, "2", "seed_everything,data.seed")
    assert axes[1] == Axis(("seed_everything", "data.seed"), ("0", "1"), "seed")


def test_labels_are_last_words_unless_two_are_alike() -> None:
    grids = ["model.a.init_args.lr=1", "model.b.lr=1", "model.fusion=Sum", "data.seed=1"]
    labels = [axis.label for axis in make_axes(parse_grid(grids), "2", "seed_everything")]
    assert labels == ["model.a.lr", "model.b.lr", "fusion", "data.seed", "seed"]


def test_files_under_a_free_name_are_an_axis_of_configs_and_several_may_be() -> None:
    grids = ["method=a.yaml,b.yaml", "config=c.yml", "model=d.yaml", "k=e.yaml,f"]
    axes = make_axes(parse_grid(grids), None, "seed_everything")
    assert [axis.is_files for axis in axes] == [True, True, False, False]
    assert [axis.name for axis in axes] == [f"--grid {g.partition('=')[0]}" for g in grids]


@pytest.mark.parametrize(
    ("grids", "seeds", "message"),
    [
        (["model.fusion"], None, "accepted is KEY=VALUE,VALUE"),
        (["a=1", "a=2"], None, "key a is given twice"),
        (["seed_everything=1"], "2", "key seed_everything is given twice"),
        (["a=1,1"], None, "value of --grid a 1 is given twice"),
        (["a=1e-3,0.001"], None, "value of --grid a 0.001 is given twice, once as 1e-3"),
        (["a=null,~"], None, "value of --grid a ~ is given twice, once as null"),
        (["a=[[1, 2e0], [1,2.0]]"], None, "value of --grid a [1, 2.0] is given twice, once as"),
        (["a={x: 1, y: 2e0},{y: 2.0, x: 1}"], None, "is given twice, once as"),
        (["c=a.yaml,./a.yaml"], None, "value of --grid c ./a.yaml is given twice, once as a.yaml"),
        (["m.x.init_args.lr=1", "m.x.lr=2"], None, "key m.x.lr is given twice, once as"),
        ([], "3,03", "seed 03 is given twice, once as 3"),
        (["a=[1,2"], None, "--grid a="),
        ([], "0", "accepted is a count"),
        ([], "-1", "accepted is a count"),
        ([], "3,x", "accepted is a count"),
    ],
)
def test_mistakes_are_named(grids: list[str], seeds: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        make_axes(parse_grid(grids), seeds, "seed_everything")


@pytest.mark.parametrize(
    "text", ["1,1.0", "1,true", "null,none", "a,A", "1e-3,1e-4", "-6,6", "1,[1]"]
)
def test_values_that_mean_something_else_are_two(text: str) -> None:
    assert len(parse_values("key", text)) == 2
