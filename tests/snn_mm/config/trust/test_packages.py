"""Who is trusted, and who says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snn_mm.config.tree import Entry
from snn_mm.config.trust.packages import (
    VARIABLE,
    as_flags,
    check_entries,
    is_allowed,
    of_folder,
    of_user,
    split_flags,
    trusting,
)
from snn_mm.errors import UserError


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "snn_mm.encoders.ConvNet",
        "snn_mm.avqa.SoundEncoder",  # a former name
        "datamodules.DigitsAV",
        "torch.nn.ReLU",
        "builtins.len",
        "torch.optim.lr_scheduler.StepLR",
        "lightning.pytorch.callbacks.EarlyStopping",
        "torchmetrics.Accuracy",
        "spikingjelly.activation_based.surrogate.ATan",
    ],
)
def test_parts_of_a_training_may_be_named(path: str) -> None:
    assert is_allowed(path)


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "builtins.eval",
        "torch.load",
        "torch.hub.load",
        "torchx.nn.ReLU",
        "torch.distributed.elastic.multiprocessing.subprocess_handler.SubprocessHandler",
        "lightning.pytorch.cli.LightningCLI",
        "snn_mm.run.directory.write_text",
        "own.Part",
    ],
)
def test_what_is_not_known_or_does_more_may_not(path: str) -> None:
    assert not is_allowed(path)
    with pytest.raises(UserError, match=r"a\.b: .*\nin file:3"):
        check_entries([Entry(("a", "b"), "file:3", path, is_class=True)])


def test_a_text_that_is_no_class_is_let_alone() -> None:
    check_entries([Entry(("run", "name"), "file:3", "test.run")])
    check_entries([Entry(("model",), "file:3", "IEMFModule", is_class=True)])


def test_flags_are_taken_out_of_a_command_line_in_both_spellings() -> None:
    words = ["--a", "--trust", "one", "--b=1", "--trust=two,three.parts"]
    assert split_flags(words) == (["--a", "--b=1"], ["one", "two", "three.parts"])


@pytest.mark.parametrize("name", ["os", "os.path", "builtins", "a-b", "../x", ""])
def test_what_is_no_name_or_of_python_itself_can_not_be_trusted(name: str) -> None:
    with pytest.raises(UserError, match="--trust"):
        split_flags(["--trust", name])


def test_trust_reaches_child_processes_and_ends_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "first")
    with trusting(["second.part"]):
        assert os.environ[VARIABLE] == "first,second.part"
        assert is_allowed("first.A")
        assert is_allowed("second.part.A")
        assert not is_allowed("second.other.A")
        assert as_flags() == ["--trust=first", "--trust=second.part"]
    assert of_user() == ["first"]


def test_the_table_of_the_working_directory_says_who_is_trusted(tmp_path: Path) -> None:
    assert of_folder() == []
    (tmp_path / "pyproject.toml").write_text("[tool.snn_mm]\ntrust = ['own', 'mine']\n")
    assert of_folder() == ["own", "mine"]
    assert is_allowed("mine.Part")
    assert of_user() == []


@pytest.mark.parametrize("table", ["trust = 'own'", "trust = [1]", "trust = ['os']", "trust ="])
def test_a_table_that_can_not_be_understood_is_refused(table: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.snn_mm]\n{table}\n")
    with pytest.raises(UserError, match=r"pyproject\.toml"):
        of_folder()
