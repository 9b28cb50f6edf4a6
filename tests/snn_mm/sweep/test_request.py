"""Sweep files, and what the command line says on top of them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.cli import main
from snn_mm.commands import sweep
from snn_mm.errors import UserError
from snn_mm.sweep.request import SweepRequest, read_request

FILE = """\
experiments: [../a.yaml, ../b.yaml]
grid:
  method: [../m/one.yaml, ../m/two.yaml]
  update: [../m/with.yaml]
  model.lr: [1e-3, [8, 16]]
seeds: 2
seed_keys: [seed_everything, data.seed]
flags:
  config: ../m/extra.yaml
  trainer.max_epochs: 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "m/one", "m/two", "m/with", "m/extra"):
        path = Path(f"{name}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text("model: {fusion: Sum}\n")
    Path("sweeps").mkdir()
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = Path("sweeps/table.yaml")
        path.write_text(text)
        return path

    return write


def commands(capsys: pytest.CaptureFixture[str], *argv: str) -> list[str]:
    assert main(["sweep", *argv, "--print", "commands"]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_sweep_file_is_read_with_its_paths_as_seen_from_here(write: Callable[..., Path]) -> None:
    assert read_request(write(FILE)) == SweepRequest(
        name="table",
        experiments=(Path("a.yaml"), Path("b.yaml")),
        grid={
            "method": ("m/one.yaml", "m/two.yaml"),
            "update": ("m/with.yaml",),
            "model.lr": ("1e-3", "[8, 16]"),
        },
        seeds="2",
        seed_keys="seed_everything,data.seed",
        flags=("--config=m/extra.yaml", "--trainer.max_epochs=3"),
    )


def test_every_run_gets_its_files_in_the_order_of_the_axes(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = commands(capsys, str(write(FILE)))
    assert len(lines) == 2 * 2 * 2 * 2
    files = "--config=b.yaml --config=m/two.yaml --config=m/with.yaml --config=m/extra.yaml"
    name = "'experiment=b+method=two+update=with+lr=8-16+seed=1'"
    place = f"--run.root=runs --run.name=table --run.id={name.strip(chr(39))}"
    keys = "'--model.lr=[8, 16]' --seed_everything=1 --data.seed=1"
    assert lines[-1] == f"snnmm fit {files} --trainer.max_epochs=3 {place} {keys}"


def test_the_command_line_wins_over_the_file(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--seeds", "7", "--seed-keys", "seed_everything", "--name", "mine"]
    flags += ["--experiments", "a.yaml", "--grid", "method=m/two.yaml", "--grid", "model.lr=1"]
    (line, *others) = commands(capsys, str(write(FILE)), *flags, "--trainer.max_epochs=1")
    assert len(others) == 6  # seeds 0 to 6
    assert line.startswith("snnmm fit --config=a.yaml --config=m/two.yaml --config=m/with.yaml")
    assert "--trainer.max_epochs=3 --trainer.max_epochs=1" in line
    assert "--run.name=mine --run.id=method=two+update=with+lr=1+seed=0" in line
    assert "data.seed" not in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("experiments: a.yaml\ngird: {}\n", r"table\.yaml: unknown key gird; accepted: name"),
        ("experiments: []\n", r"table\.yaml:1: experiments: accepted is a value or a list"),
        ("experiments: {a: b}\n", r"table\.yaml:1: experiments: accepted is a value or a list"),
        ("experiments: ../a.yaml\ngrid: [x]\n", r"table\.yaml:2: grid: accepted is keys"),
        ("experiments: ../a.yaml\ngrid: {k: 1}\n", r"table\.yaml:2: grid\.k: accepted is a list"),
        ("experiments: ../a.yaml\ngrid: {k: [1, 1]}\n", r"value of --grid k 1 is given twice"),
    ],
)
def test_mistakes_are_named_with_their_line(
    text: str, message: str, write: Callable[..., Path]
) -> None:
    with pytest.raises(UserError, match=message):
        read_request(write(text))


def test_a_missing_file_of_an_axis_is_named(
    write: Callable[..., Path],
) -> None:
    path = write("experiments: ../a.yaml\ngrid: {method: [../m/nowhere.yaml]}\n")
    with pytest.raises(UserError, match=r"m/nowhere\.yaml: no such file"):
        sweep.run(["sweep", str(path), "--dry-run"])


def test_an_experiment_is_no_sweep_file_to_replace_experiments_of(folder: Path) -> None:
    request = read_request(Path("a.yaml"))
    assert request.name == "a-sweep"
    with pytest.raises(UserError, match=r"a\.yaml is an experiment"):
        request.overruled(Namespace(experiments="b.yaml"), ())


ROWS = """\
experiments: ../a.yaml
grid:
  row:
    plain: {}
    short: {trainer.max_epochs: 1, model.net: {x: 1}}
    other: {config: ../m/one.yaml}
seeds: 2
"""


def test_a_row_has_a_name_and_sets_several_keys_and_files(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = commands(capsys, str(write(ROWS)), "--seeds", "1,2")
    assert len(lines) == 6
    assert "--run.id=row=plain+seed=1 --seed_everything=1" in lines[0]
    assert "--config=a.yaml --run.root" in lines[0]
    assert "row=short+seed=1 --trainer.max_epochs=1 '--model.net={\"x\": 1}'" in lines[2]
    assert "--config=a.yaml --config=m/one.yaml --run.root" in lines[4]


def test_rows_are_chosen_by_name(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write(ROWS))
    assert len(commands(capsys, path, "--grid", "row=plain,other")) == 4
    assert main(["sweep", path, "--grid", "row=plian", "--print", "commands"]) == 2
    assert "accepted: plain, short, other" in capsys.readouterr().err


def test_a_sweep_begins_with_another_and_adds_and_drops_rows(
    write: Callable[..., Path], folder: Path
) -> None:
    write(ROWS)
    path = folder / "sweeps" / "more.yaml"
    path.write_text(
        "base: table.yaml\nexperiments: ../b.yaml\n"
        "grid:\n  update: [../m/with.yaml]\n  row: {plain: null, new: {data.x: 1}}\n"
    )
    request = read_request(path.relative_to(folder))
    assert request.name == "more"
    assert request.experiments == (Path("b.yaml"),)
    assert request.seeds == "2"
    assert request.grid == {"update": ("m/with.yaml",), "row": ("short", "other", "new")}
    assert request.rows["row"]["new"] == ("--data.x=1",)


@pytest.mark.parametrize("row", ["1", "[a]"])
def test_a_row_that_is_no_mapping_is_refused(row: str, write: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"table.yaml:4: grid.row.plain: accepted is keys with"):
        read_request(write(ROWS.replace("{}", row)))
