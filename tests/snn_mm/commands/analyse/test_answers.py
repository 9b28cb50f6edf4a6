"""`snnmm analyse answers`: its runs and its options; the page is made in `tests/experiments`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "analysis"))
from made_runs import write_run

from snn_mm.commands.analyse.answers import finished_runs, named_runs
from snn_mm.errors import UserError

Fails = Callable[..., str]


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from snn_mm.cli import main\n"
        "try: main(['analyse', 'answers', '--help'])\n"
        "except SystemExit: sys.exit('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert b"--samples" in answer.stdout


def test_runs_keep_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_run(tmp_path / name)
    given = [tmp_path / "c", tmp_path]
    assert [path.name for path in finished_runs(given)] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samples", "0"], "--samples 0: accepted are numbers from 1 on"),
        (["--labels", "x", "y"], "--labels: 2 given; accepted are 1"),
    ],
)
def test_mistakes_are_explained_before_a_run_is_opened(
    tmp_path: Path, fails: Fails, options: list[str], message: str
) -> None:
    write_run(tmp_path / "a")
    assert message in fails("analyse", "answers", str(tmp_path), *options)


def test_a_folder_without_a_finished_run_is_named(tmp_path: Path, fails: Fails) -> None:
    write_run(tmp_path / "a", status="failed")
    assert "none of the 1 runs in" in fails("analyse", "answers", str(tmp_path))


def test_runs_of_one_name_need_labels() -> None:
    paths = [Path("/a/x/s0"), Path("/b/x/s0")]
    assert list(named_runs(paths, ["one", "two"])) == ["one", "two"]
    with pytest.raises(UserError, match="2 runs have 1 names, x/s0"):
        named_runs(paths, None)
