"""`snnmm sweep` as it is typed; how runs are scheduled is tested beside `snn_mm.sweep`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from snn_mm.cli import main
from snn_mm.commands.sweep import rows_of
from snn_mm.run.directory import RunDirectory
from snn_mm.sweep.grid import make_axes

SEEDS = ("--seeds", "2")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_config: Path) -> str:
    monkeypatch.chdir(tmp_path)
    return str(toy_config)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "nothing to sweep"),
        (("--seeds", "2", "--run.id", "a"), "--run.id: a sweep names"),
        (("--seeds", "2", "--resume=auto"), "--resume: a sweep names"),
        (("--seeds", "2", "--seed_everything", "3"), "--seed_everything is varied by --seeds"),
        (("--grid", "model.fusion=Sum", "--model.init_args.fusion=FiLM"), "varied by --grid model"),
        (("--grid", "model.init_args.fusion=Sum", "--model.fusion=FiLM"), "varied by --grid model"),
        (("--seeds", "2", "--name", "a/b"), "no plain folder name"),
        (("--grid", "config=nowhere.yaml"), "nowhere.yaml: no such file"),
    ],
)
def test_mistakes_end_in_a_short_message_and_leave_nothing(
    flags: tuple[str, ...], message: str, toy: str, fails: Callable[..., str], tmp_path: Path
) -> None:
    assert message in fails("sweep", toy, *flags)
    assert list(tmp_path.iterdir()) == []


def test_an_experiment_given_twice_is_refused(toy: str, fails: Callable[..., str]) -> None:
    Path("sweep.yaml").write_text(f"experiments: [{toy}]\nseeds: 2\n")
    twice = fails("sweep", "sweep.yaml", "--experiments", "a.yaml,./a.yaml")
    assert "experiment a.yaml is given twice" in twice


def test_the_experiment_comes_first(fails: Callable[..., str]) -> None:
    assert "which experiment or sweep file?" in fails("sweep", "--seeds", "2")


def test_flags_of_fit_reach_every_run_in_their_order(
    toy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--trainer.callbacks+", "EarlyStopping", "--trainer.callbacks.monitor", "val/loss")
    assert main(["sweep", toy, *flags[:2], *SEEDS, *flags[2:], "--print", "commands"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(flags) in line for line in lines] == [True, True]


def test_the_root_of_an_experiment_is_where_its_sweep_lies(
    toy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("place.yaml").write_text("run: {root: elsewhere}\n")
    assert main(["sweep", toy, "--config", "place.yaml", *SEEDS, "--print", "commands"]) == 0
    assert capsys.readouterr().out.count("--run.root=elsewhere --run.name=toy-sweep") == 2


def test_a_dry_run_lists_runs_with_their_state_and_writes_nothing(
    toy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", toy, *SEEDS, "--dry-run"]) == 0
    assert capsys.readouterr().out == "seed=0  waiting\nseed=1  waiting\n"
    assert not Path("runs").exists()


@pytest.mark.parametrize("kind", ["commands", "sbatch", "wandb"])
def test_printing_writes_nothing(kind: str, toy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", toy, *SEEDS, "--print", kind]) == 0
    assert "toy-sweep" in capsys.readouterr().out
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "flag", ["--name=a\ntouch x", "--run.root=a\ntouch x", f"--name={'a' * 300}"]
)
def test_a_line_break_in_a_name_or_a_root_is_refused(
    flag: str, toy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", toy, *SEEDS, flag, "--print", "sbatch"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert flag[2:6] in said.err


@pytest.mark.parametrize(
    "text",
    ["flags: {trust: evil}", "flags: {trust: os}", "grid: {trust: [evil, x]}",
     "grid: {row: {a: {trust: evil}, b: {}}}"],
)  # fmt: skip
def test_a_sweep_file_trusts_nobody(
    text: str, toy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("sweep.yaml").write_text(f"experiments: {toy}\n{text}\n")
    assert main(["sweep", "sweep.yaml", "--seeds=2", "--print", "commands"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--trust" in said.err


def test_the_shipped_wandb_config_is_added(toy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", toy, *SEEDS, "--print", "wandb"]) == 0
    added = yaml.safe_load(capsys.readouterr().out)["command"][4]
    assert Path(added.removeprefix("--config=")).name == "wandb.yaml"


def test_no_torch_is_imported() -> None:
    code = "import sys, snn_mm.commands.sweep; assert not {'torch', 'lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("grid", "rows"),
    [
        ({"trainer.precision": ("32-true", "bf16-mixed")}, ["--by=trainer.precision"]),
        ({"model.fusion": ("Sum",), "data.snr": ("0", "5")}, ["--by=model.fusion,data.snr"]),
        ({"model.fusion": ("Sum", "Concat")}, []),  # a method's name says it better
        ({"config": ("a.yaml", "b.yaml"), "data.snr": ("0", "5")}, []),
    ],
)
def test_runs_that_differ_in_trainer_or_data_are_rows_of_their_own(
    grid: dict[str, tuple[str, ...]], rows: list[str]
) -> None:
    axes = make_axes(grid, "3", "seed_everything")
    assert rows_of(SimpleNamespace(labelled_axes=axes)) == rows  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_real_sweep_trains_reports_and_does_not_repeat_itself(
    toy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["sweep", toy, *SEEDS, "--grid", "model.fusion=Sum,Concat", "--jobs", "2"]
    argv += ["--trainer.max_epochs", "1"]
    assert main(argv) == 0
    assert "4 of 4 runs finished, 0 failed" in capsys.readouterr().out
    assert Path("runs/toy-sweep/report/report.html").is_file()
    run = RunDirectory(Path("runs/toy-sweep/fusion=Concat+seed=1"))
    config = yaml.safe_load(run.config.read_text())
    assert config["seed_everything"] == 1
    assert config["model"]["init_args"]["fusion"]["class_path"].endswith("Concat")
    before = run.environment.stat().st_mtime_ns
    assert main(argv) == 0
    assert run.environment.stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_typo_in_a_key_ends_a_real_sweep_with_fits_own_message(
    toy: str, fails: Callable[..., str]
) -> None:
    message = fails("sweep", toy, *SEEDS, "--grid", "model.fusoin=Sum,Concat")
    assert "model.fusoin" in message
