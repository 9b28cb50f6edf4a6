"""Lists of callbacks in several config files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from snn_mm.cli import main
from snn_mm.commands.config_tree import read_flags
from snn_mm.commands.parser import as_typed, with_callbacks_emptied

EMPTIED = "--trainer.callbacks=[]"


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_the_list_is_emptied_before_each_file_that_sets_it(file: Callable[..., str]) -> None:
    plain = file("plain.yaml", "trainer: {max_epochs: 1}\n")
    added = file("added.yaml", "trainer: {callbacks+: [IEMF]}\n")
    given = file("given.yaml", "trainer: {callbacks: [IEMF]}\n")
    nested = file("nested.yaml", "trainer: trainer.yaml\n")
    file("trainer.yaml", "callbacks: []\n")
    arguments = ["fit", "--config", plain, "--config", added, "-c", given, f"--config={nested}"]
    found = list(with_callbacks_emptied(arguments))
    assert found == [*arguments[:5], EMPTIED, *arguments[5:7], EMPTIED, arguments[7]]


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "trainer: nowhere.yaml\n"])
def test_what_can_not_be_read_is_left_to_others(text: str, file: Callable[..., str]) -> None:
    arguments = ["fit", "--config", file("odd.yaml", text), "--config", "nowhere.yaml"]
    assert list(with_callbacks_emptied(arguments)) == arguments


def test_nothing_of_an_earlier_list_is_left_in_a_later_one(
    file: Callable[..., str], toy_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = "trainer: {callbacks: [{class_path: IEMF, init_args: {start_epoch: 60, seed: 3}}]}\n"
    other = "trainer: {callbacks: [{class_path: OGMGE}]}\n"
    files = [str(toy_config), file("one.yaml", one), file("other.yaml", other)]
    assert main(["fit", *(f"--config={path}" for path in files), "--print_config"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    (callback,) = config["trainer"]["callbacks"]
    assert callback["class_path"].endswith("OGMGE")
    assert (callback["init_args"]["start_epoch"], callback["init_args"]["seed"]) == (0, None)


def test_null_is_null_on_the_command_line_and_words_stay_words(
    quickstart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = {
        "--data.loader.prefetch_factor": "null",
        "--data.snr_db.audio": "~",
        "--model.init_args.joint_weight": ".inf",
        "--model.optimizer.init_args.lr": "1e-3",
        "--data.root": "None",
    }
    flags = [word for flag in typed.items() for word in flag]
    assert main(["fit", "--config", str(quickstart), *flags, "--print_config"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    data, model = config["data"]["init_args"], config["model"]["init_args"]
    assert data["loader"]["prefetch_factor"] is None
    assert data["snr_db"]["audio"] is None
    assert data["root"] == "None"
    assert model["joint_weight"] == float("inf")
    assert model["optimizer"]["init_args"]["lr"] == 1e-3


def test_a_flag_is_found_by_the_end_of_its_key_and_by_its_value() -> None:
    typed = list(read_flags(["--data.a", "null", "--model.net.init_args.a", "[1, null]"]))
    assert as_typed("--a=None", typed) == "--a=null"
    assert as_typed("--a=[1, None]", typed) == "--a=[1, null]"
    assert as_typed("--b=None", typed) == "--b=None"
    assert as_typed("--a", typed) == "--a"
