"""Another sweep under the same name is noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.errors import UserError
from snn_mm.sweep.cells import Sweep
from snn_mm.sweep.definition import describe, settle_definition


def settle(sweep: Sweep, extend: bool = False) -> None:
    settle_definition(sweep, describe(sweep), extend)


@pytest.fixture
def started(make_sweep: Callable[..., Sweep]) -> Sweep:
    sweep = make_sweep("k=1,2", seeds="2")
    settle(sweep)
    sweep.cells()[0].run.create()
    sweep.cells()[0].run.results.write_text('{"status": "running"}')
    return sweep


def test_the_same_sweep_goes_on_even_if_its_file_is_laid_out_anew(started: Sweep) -> None:
    started.experiments[0].write_text("# comment\nmodel: {fusion: Sum}\n")
    settle(started)


def test_a_changed_experiment_is_refused_with_key_and_values(started: Sweep) -> None:
    started.experiments[0].write_text("model:\n  fusion: FiLM\n")
    with pytest.raises(UserError, match=r"--name\n  toy\.yaml: model\.fusion: Sum -> FiLM"):
        settle(started)


def test_a_changed_flag_is_refused_even_with_extend(
    started: Sweep, make_sweep: Callable[..., Sweep]
) -> None:
    other = make_sweep("k=1,2", seeds="2", flags=("--trainer.max_epochs=3",))
    with pytest.raises(UserError, match=r"flags: not set -> --trainer\.max_epochs=3"):
        settle(other, extend=True)


def test_more_values_need_extend(started: Sweep, make_sweep: Callable[..., Sweep]) -> None:
    more = make_sweep("k=1,2", seeds="3")
    with pytest.raises(UserError, match=r"--extend adds.*\n  --seeds: 0,1 -> 0,1,2"):
        settle(more)
    settle(more, extend=True)


def test_fewer_values_are_refused(started: Sweep, make_sweep: Callable[..., Sweep]) -> None:
    with pytest.raises(UserError, match="--grid k: 1,2 -> 1"):
        settle(make_sweep("k=1", seeds="2"), extend=True)


def test_a_definition_may_be_mended_until_a_run_has_started(
    make_sweep: Callable[..., Sweep],
) -> None:
    settle(make_sweep("k=1"))
    settle(make_sweep("k=2"))


def test_runs_that_no_sweep_made_are_left_alone(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep("k=1")
    sweep.cells()[0].run.create()
    sweep.cells()[0].run.results.write_text("{}")
    with pytest.raises(UserError, match="no sweep made"):
        settle(sweep)


def test_files_of_the_grid_count_too(make_sweep: Callable[..., Sweep]) -> None:
    Path("b.yaml").write_text("model: {fusion: Gated}\n")
    assert describe(make_sweep("config=b.yaml"))["b.yaml: model.fusion"] == "Gated"
    with pytest.raises(UserError, match=r"missing\.yaml: no such file"):
        describe(make_sweep("config=missing.yaml"))


def test_a_new_file_of_the_grid_is_growth_and_a_changed_one_is_not(
    make_sweep: Callable[..., Sweep],
) -> None:
    Path("b.yaml").write_text("model: {fusion: Gated}\n")
    Path("c.yaml").write_text("model: {fusion: FiLM}\n")
    sweep, more = make_sweep("config=b.yaml"), make_sweep("config=b.yaml,c.yaml")
    settle(sweep)
    sweep.cells()[0].run.create()
    sweep.cells()[0].run.results.write_text('{"status": "running"}')
    with pytest.raises(UserError, match="--extend adds"):
        settle(more)
    settle(more, extend=True)
    Path("b.yaml").write_text("model: {fusion: Sum}\n")
    with pytest.raises(UserError, match=r"b\.yaml: model\.fusion: Gated -> Sum"):
        settle(more, extend=True)
