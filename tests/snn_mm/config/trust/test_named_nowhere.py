"""Whatever place of a config names a program, it is not run; whoever reads the config."""

from __future__ import annotations

import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from snn_mm.cli import main

TOY = Path(__file__).parents[2] / "toy"
NAME = "os.system"
SPEC = {"class_path": NAME, "init_args": {"command": "true"}}
LAMBDA = "lightning.pytorch.callbacks.LambdaCallback"
SPIKES = "toy_experiment.ToySpikes"

PLACES: dict[str, Any] = {
    "model": SPEC,
    "model by name": NAME,
    "data": SPEC,
    "data by name": NAME,
    "model.init_args.encoders.audio": SPEC,
    "model.init_args.encoders": {"audio": {"class_path": SPIKES, "init_args": {"neuron": SPEC}}},
    "model.init_args.encoders by name": {
        "audio": {"class_path": SPIKES, "init_args": {"neuron": NAME}}
    },
    "model.init_args.fusion": SPEC,
    "model.init_args.fusion by name": NAME,
    "model.init_args.optimizer": SPEC,
    "model.init_args.optimizer by name": NAME,
    "model.init_args.lr_scheduler": SPEC,
    "model.init_args.lr_scheduler by name": NAME,
    "trainer.callbacks": [SPEC],
    "trainer.callbacks by name": [NAME],
    "trainer.callbacks+": [SPEC],
    "trainer.callbacks of a hook": [
        {"class_path": LAMBDA, "init_args": {"on_fit_start": NAME}},
    ],
    "trainer.callbacks of a spec of a hook": [
        {"class_path": LAMBDA, "init_args": {"on_fit_start": SPEC}},
    ],
    "trainer.callbacks in further arguments": [
        {"class_path": "IEMF", "dict_kwargs": {"key": SPEC}},
    ],
    "trainer.logger": SPEC,
    "trainer.logger of several": [SPEC],
    "trainer.profiler": SPEC,
    "trainer.strategy": SPEC,
    "trainer.plugins": [SPEC],
    "trainer.accelerator": SPEC,
    "checkpoint": SPEC,
    "run": SPEC,
}


@pytest.fixture(scope="module")
def toy() -> dict[str, Any]:
    """The config of the toy experiment."""
    content: dict[str, Any] = yaml.safe_load((TOY / "toy.yaml").read_text())
    return content


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The calls of what must not be run."""
    calls: list[Any] = []

    def system(command: str = "") -> int:
        calls.append(command)
        return 0

    monkeypatch.setattr(os, "system", system)
    monkeypatch.syspath_prepend(str(TOY))
    return calls


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the module `strange_part` leaves behind when it is imported."""
    mark = tmp_path / "mark"
    text = f"open({str(mark)!r}, 'w')\nclass Part: ...\ndef system(command=''): ...\n"
    (tmp_path / "strange_part.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield mark
    sys.modules.pop("strange_part", None)


def hostile(toy: dict[str, Any], place: str) -> dict[str, Any]:
    """The toy experiment with a program in a place."""
    config: dict[str, Any] = yaml.safe_load(yaml.safe_dump(toy))
    *above, last = place.partition(" ")[0].split(".")
    holder = config
    for key in above:
        holder = holder.setdefault(key, {})
    holder[last] = PLACES[place]
    return config


def written(config: dict[str, Any], folder: Path, name: str = "x.yaml") -> Path:
    """A config as a file without anchors."""
    file = folder / name
    file.write_text(json.dumps(config))
    return file


@pytest.mark.parametrize("place", PLACES)
def test_fit_does_not_run_what_a_file_names(
    place: str,
    toy: dict[str, Any],
    called: list[Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = written(hostile(toy, place), tmp_path)
    assert main(["fit", "--config", str(file), f"--run.root={tmp_path / 'runs'}"]) == 2
    assert called == []
    said = capsys.readouterr().err
    assert said.count("\n") <= 2, said
    assert NAME in said, said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("place", PLACES)
def test_nor_does_fit_import_what_a_flag_names(
    place: str, toy: dict[str, Any], strange: Path, tmp_path: Path
) -> None:
    file = written(toy, tmp_path)
    value = json.dumps(PLACES[place]).replace(NAME, "strange_part.system")
    flag = f"--{place.partition(' ')[0]}={value}"
    assert main(["fit", "--config", str(file), flag, f"--run.root={tmp_path / 'runs'}"]) == 2
    assert not strange.exists()


@pytest.mark.parametrize("place", ["model.init_args.fusion", "trainer.callbacks"])
def test_nor_a_file_that_a_file_names_nor_a_merged_key(
    place: str,
    toy: dict[str, Any],
    called: list[Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    section = place.partition(".")[0]
    config = hostile(toy, place)
    written(config[section], tmp_path, "part.yaml")
    files = [written({**toy, section: "part.yaml"}, tmp_path), tmp_path / "merged.yaml"]
    files[1].write_text(f"x: &x\n  {json.dumps(config[section])}\n{section}: {{<<: *x}}\n")
    for file in files:
        assert main(["fit", "--config", str(TOY / "toy.yaml"), "--config", str(file)]) == 2
        assert called == []
        assert NAME in capsys.readouterr().err


@pytest.fixture
def run(tmp_path: Path, trained: Path) -> Iterator[Path]:
    """A run directory that somebody else made, to be filled with a config."""
    directory = tmp_path / "runs" / "toy" / "a"
    shutil.copytree(trained, directory)
    return directory


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the toy experiment, one step long."""
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        names = ["--run.root", str(root), "--run.name=toy", "--run.id=a", "--trainer.callbacks=[]"]
        short = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=1"]
        assert main(["fit", "--config", str(TOY / "toy.yaml"), *names, *short]) == 0
    return root / "toy" / "a"


COMMANDS: dict[str, list[str]] = {
    "resume": ["fit", "--resume"],
    "auto": ["fit", "--resume=auto", "--run.name=toy", "--run.root"],
    "test": ["test", "--ckpt_path"],
    "validate": ["validate", "--ckpt_path"],
    "predict": ["predict", "--ckpt_path"],
    "report": ["report"],
    "cost": ["analyse", "cost"],
    "landscape": ["analyse", "landscape", "--jobs=1"],
    "classes": ["analyse", "classes"],
    "bench": ["bench"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["model", "model.init_args.fusion by name", "data"])
def test_no_command_runs_what_the_config_of_a_run_directory_names(
    command: str,
    place: str,
    run: Path,
    toy: dict[str, Any],
    called: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    config = hostile(toy, place)
    config["trainer"].pop("callbacks")
    written(config, run, "config.yaml")
    results = json.loads((run / "results.json").read_text())
    if command == "auto":
        (run / "results.json").write_text(json.dumps({**results, "status": "running"}))
    whole = {"bench": [str(run / "config.yaml")], "auto": [str(run.parents[1])]}
    words = whole.get(command, [str(run)])
    try:
        code = main([*COMMANDS[command], *words])
    except SystemExit as error:
        code = int(error.code or 0)
    assert called == []
    assert command in ("report", "cost") or code in (1, 2)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("resume", "checkpoints/best.ckpt"),
        ("resume", ".lock"),
        ("test", "figures"),
        ("predict", "predictions.csv"),
        ("landscape", "landscape"),
        ("classes", "figures"),
    ],
)
def test_no_command_writes_through_a_link_in_a_run_directory(
    command: str, name: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if (run / name).exists():
        (run / name).rename(run / "moved")
    (run / name).symlink_to(elsewhere)
    assert main([*COMMANDS[command], str(run)]) == 2
    assert f"{run / name} is a symbolic link to {elsewhere}" in capsys.readouterr().err
    assert not list(elsewhere.iterdir())


def test_paths_that_a_config_writes_to_elsewhere_are_named(
    toy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    logger = {"class_path": "CSVLogger", "init_args": {"save_dir": "elsewhere"}}
    file = written({**toy, "trainer": {"logger": logger, "accelerator": "cpu"}}, tmp_path)
    short = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=1"]
    with pytest.warns(UserWarning, match=r"outside of .*\ntrainer\.logger\.save_dir: elsewhere$"):
        assert main(["fit", "--config", str(file), *short]) == 0
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*outside of the folders")
        flag = ["--trainer.logger.save_dir=runs/more"]
        assert main(["fit", "--config", str(file), *short, *flag]) == 0


def test_a_module_of_the_working_directory_or_beside_the_config_is_not_imported(
    toy: dict[str, Any],
    strange: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    toy = {**toy, "trainer": {"callbacks": ["strange_part.Part"]}}
    command = ["fit", "--config", str(written(toy, tmp_path)), "--run.root=runs"]
    assert main(command) == 2
    assert not strange.exists()
    assert "--trust strange_part\n" in capsys.readouterr().err
    assert main([*command, "--trust", "strange_part"]) == 2  # it is no callback
    assert strange.exists()
