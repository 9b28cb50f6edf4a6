"""Keys are refused where the parser would refuse them, without torch; nothing else is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from snn_mm.cli import main
from snn_mm.commands.training_cli import TrainCLI
from snn_mm.config.keys.check import check_keys
from snn_mm.config.keys.layout import KeyLayout
from snn_mm.config.options import STAGES, Command, read_command
from snn_mm.config.parser import Parser, ParserError
from snn_mm.errors import UserError

EXPERIMENTS = Path(__file__).parents[4] / "experiments"
HEAD = "model: _base/iemf_digits.yaml\ndata: _base/digits_av.yaml\n"
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an experiment on top of the quickstart's parts."""
    (tmp_path / "_base").symlink_to(EXPERIMENTS / "_base")

    def made(text: str, head: str = HEAD) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(head + text)
        return path

    return made


def refused(*argv: object) -> str:
    with pytest.raises(UserError) as caught:
        check_keys(read_command([str(word) for word in argv]))
    return str(caught.value)


FLAGS = {
    "--seed": "'seed'\nin --seed\nnearest: seed_everything",
    "--optimizer": "'optimizer'\nin --optimizer\nnearest: model.optimizer",
    "--model.lr": "'model.lr' of IEMFModule\nin --model.lr\nnearest: model.optimizer.lr",
    "--data.batch_size": "of DigitsAV\nin --data.batch_size\nnearest: data.loader.batch_size",
    "--epochs": "'epochs'\nin --epochs\nnearest: trainer.max_epochs",
    "--trainer.max_epoch": "'trainer.max_epoch'\nin --trainer.max_epoch\nnearest: max_epochs",
    "--data.loader.batchsize": "in --data.loader.batchsize\nnearest: batch_size",
    "--data.snr_db.sound": "'data.snr_db.sound'\nin --data.snr_db.sound\naccepted: audio, visual",
    "--run.nam": "'run.nam'\nin --run.nam\nnearest: name",
    "--checkpoint.monitr": "in --checkpoint.monitr\nnearest: monitor",
    "--model.optimizer.init_args.momentm": "'model.optimizer.momentm' of SGD\n",
    "--model.encoders.audio.time_step": "of ConvNet\nin --model.encoders.audio.time_step\nnearest",
    "--model.encoders.sound.width": "model.encoders.sound: nothing says which class it is; a new "
    "one needs its class_path\nin --model.encoders.sound.width\naccepted: audio, visual",
}


@pytest.mark.parametrize(("flag", "message"), FLAGS.items(), ids=list(FLAGS))
def test_a_flag_that_nothing_accepts_is_answered_with_the_right_one(
    flag: str, message: str, quickstart: Path
) -> None:
    assert message in refused("fit", "--config", quickstart, flag, "3")


FILES = {
    "a parameter beside its class": (
        "trainer:\n  callbacks:\n    - class_path: IEMF\n      gamma: 2.0\n",
        "'gamma' stands beside class_path: IEMF, one indent too far left",
        6,
    ),
    "of a class of Lightning": (
        "trainer:\n  callbacks:\n  - class_path: EarlyStopping\n    monitor: val/loss\n",
        "'monitor' stands beside class_path: EarlyStopping",
        6,
    ),
    "misspelt and beside its class": (
        "trainer:\n  callbacks:\n  - {class_path: IEMF, gama: 1}\n",
        "nearest: gamma",
        5,
    ),
    "a parameter of a class at the top": (
        "joint_weight: 0.5\n",
        "unknown key 'joint_weight'",
        3,
    ),
    "in a list": (
        "trainer:\n  callbacks:\n  - class_path: IEMF\n    init_args: {gama: 1}\n",
        "unknown key 'trainer.callbacks.0.gama' of IEMF",
        6,
    ),
}


@pytest.mark.parametrize(("text", "message", "line"), FILES.values(), ids=list(FILES))
def test_a_key_in_the_wrong_place_of_a_file_is_named_with_class_and_line(
    text: str, message: str, line: int, write: Write
) -> None:
    path = write(text)
    found = refused("fit", "--config", path)
    assert message in found
    assert f"in {path}:{line}" in found


def test_a_member_without_a_class_in_a_second_file_is_named(write: Write, tmp_path: Path) -> None:
    more = tmp_path / "more.yaml"
    more.write_text("model: {encoders: {sound: {time_steps: 2}}}\n")
    found = refused("fit", "--config", write(""), "--config", more)
    assert (
        f"model.encoders.sound: nothing says which class it is; a new one needs its class_path\n\
in {more}:1"
        in found
    )


def test_the_parser_itself_refuses_such_keys(write: Write, quickstart: Path) -> None:
    beside = write("trainer:\n  callbacks:\n  - {class_path: EarlyStopping, monitor: val/loss}\n")
    for path, *flags in ((beside,), (quickstart, "--model.encoders.sound.width", "3")):
        with pytest.raises(ParserError):
            TrainCLI(Command("fit", ["fit", "--config", str(path), *flags]))


ACCEPTED = [
    (),
    ("--model.fusion", "FiLM", "--model.encoders.audio.init_args.time_steps=2"),
    ("--model.encoders.text", "my_package.Own", "--model.encoders.text.depth", "3"),
    ("--model", "my_package.Net", "--model.anything", "1"),
    ("--model", "other.yaml", "--model.anything", "1"),
    ("--trainer.callbacks+", "EarlyStopping", "--trainer.callbacks.monitor", "val/loss"),
    ("--trainer.callbacks.gamma", "2", "--trainer.callbacks+", "EarlyStopping"),
    ("--model.optimizer", "Adam", "--model.optimizer.betas", "[0.9, 0.99]"),
    ("--model.optimizer", "my_package.Own", "--model.optimizer.rho", "1"),
    ("--model.dict_kwargs.more", "1"),
    ("--model={class_path: TAAFModule, init_args: {beta: 1.0}}", "--model.lam", "1e-3"),
    ("--data.help", "DigitsAV"),
    ("--print_config=skip_null", "--seed_everything", "3", "--test_after_fit=false"),
    ("--trainer.strategy.find_unused_parameters", "true"),
    ("--trainer.logger", "WandbLogger", "--trainer.logger.tags", "[a]"),
]


@pytest.mark.parametrize("flags", ACCEPTED, ids=" ".join)
def test_what_the_parser_may_accept_is_left_to_it(flags: tuple[str, ...], quickstart: Path) -> None:
    check_keys(read_command(["fit", "--config", str(quickstart), *flags]))


def test_keys_of_an_earlier_class_and_mixed_in_ones_are_accepted(write: Write) -> None:
    text = "model: {class_path: IEMFModule, init_args: {fusion: {<<: *f}}}\ndata: DigitsAV\n"
    head = "trainer: {callbacks: []}\n"
    anchored = text.replace("{<<: *f}", "&f {class_path: FiLM, init_args: {unimodal: shared}}")
    path = write(anchored, head)
    other = path.with_name("other.yaml")
    other.write_text("model: {class_path: TAAFModule, init_args: {beta: 1.0}}\n")
    flags = ["--model.joint_weight", "1"]  # of the class before
    check_keys(read_command(["fit", "--config", str(path), "--config", str(other), *flags]))


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*_*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_is_accepted(path: Path) -> None:
    check_keys(read_command(["fit", "--config", str(path)]))


def test_a_recorded_config_is_accepted(
    quickstart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "--config", str(quickstart), "--print_config"]) == 0
    recorded = tmp_path / "config.yaml"
    recorded.write_text(capsys.readouterr().out)
    check_keys(read_command(["fit", "--config", str(recorded)]))


@pytest.mark.parametrize("stage", STAGES)
def test_no_key_of_the_parser_is_unknown(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: set[str] = set()

    def note_keys(parser: Parser, message: str, ex: Exception | None = None) -> NoReturn:
        keys.update(action.dest for action in parser._actions)
        raise ParserError(message)

    monkeypatch.setattr(Parser, "error", note_keys)
    with pytest.raises(ParserError):
        TrainCLI(Command(stage, [stage, "--trainer.max_epochs", "two"]))
    assert "trainer.max_epochs" in keys
    layout = KeyLayout([], stage)
    for key in keys:
        words = key.split(".")
        assert words[0] in (layout.accepted(()) or {}), key
        section = layout.accepted(tuple(words[:1])) if len(words) == 2 else None
        assert section is None or words[1] in {*section, "help"}


def test_a_misspelt_key_needs_no_torch(quickstart: Path) -> None:
    code = (
        "import sys; from snn_mm.cli import main\n"
        f"assert main(['fit', '--config', {str(quickstart)!r}, '--trainer.max_epoch', '3']) == 2\n"
        "sys.exit(bool({'torch', 'lightning', 'jsonargparse'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
