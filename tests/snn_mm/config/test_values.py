"""What is wrong with a value is said in a few lines that name its key.

The fixture `fails` checks the exit code, the number of lines and that no stack trace is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from snn_mm.config.errors import user_message
from snn_mm.config.options import Command
from snn_mm.config.tree import read_flags
from snn_mm.config.values import is_refusal, named

EARLY = ("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/los")
FIT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "seed": (("--seed_everything=-1",), ("seed_everything is -1; accepted: 0 to 4294967295",)),
    "classes": (("--model.num_classes=0",), ("model.num_classes is 0; accepted: 2 or more",)),
    "share": (("--model.label_smoothing=2",), ("model.label_smoothing is 2.0; accepted: 0 to 1",)),
    "learning rate": (
        ("--model.optimizer=SGD", "--model.optimizer.lr=-0.1"),
        ("model.optimizer.lr: Invalid learning rate: -0.1\nin --model.optimizer.lr",),
    ),
    "monitor": (EARLY, ("EarlyStopping", "no metric 'val/los'", "nearest: val/loss")),
    "option of one of two own encoders": (
        ("--model.encoders.audio.dropout=2",),
        ("model.encoders.audio.dropout: dropout probability", "in --model.encoders.audio.dropout"),
    ),
    "option of own data": (
        ("--data.batch_size=0",),
        ("data.batch_size: batch_size should be a positive", "in --data.batch_size"),
    ),
    "interval": (
        ("--trainer.val_check_interval=100",),
        ("trainer.val_check_interval: ", "(100) must be less than or equal"),
    ),
}


@pytest.mark.parametrize(("flags", "parts"), FIT.values(), ids=list(FIT))
def test_a_wrong_value_is_refused_by_its_key(
    flags: tuple[str, ...],
    parts: tuple[str, ...],
    toy_config: Path,
    tmp_path: Path,
    fails: Callable[..., str],
) -> None:
    message = fails("fit", f"--config={toy_config}", f"--run.root={tmp_path}", *flags)
    assert all(part in message for part in parts), message


def test_a_root_that_can_not_be_written_is_named(
    toy_config: Path, tmp_path: Path, fails: Callable[..., str]
) -> None:
    (tmp_path / "file").write_text("")
    message = fails("fit", f"--config={toy_config}", f"--run.root={tmp_path}/file")
    assert "Not a directory\nrun.root in --run.root" in message


def compiled(name: str, body: str, module: str, file: str, **known: Any) -> Callable[[], None]:
    """A function of a module that is made up."""
    code: CodeType = compile(f"def {name}():\n    {body}", file, "exec")
    scope: dict[str, Any] = {"__name__": module, **known}
    exec(code, scope)  # noqa: S102 - our own text
    function: Callable[[], None] = scope[name]
    return function


INSTALLED = "/lib/python3/site-packages/library.py"


@pytest.mark.parametrize(
    ("function", "module", "file", "raises", "expected"),
    [
        ("__init__", "my.layers", "layers.py", "my.layers", True),
        ("__init__", "snn_mm.fusion", "fusion.py", "torch.nn", True),
        ("__init__", "snn_mm.fusion", "fusion.py", "snn_mm.fusion", False),
        ("training_step", "snn_mm.modules", "base.py", "torch.nn", False),
        ("on_train_epoch_end", "my.callbacks", "callbacks.py", "my.callbacks", False),
        ("on_train_epoch_end", "lightning.callbacks", INSTALLED, "lightning.callbacks", True),
        ("train_dataloader", "my.data", "data.py", "torch.utils", True),
    ],
)
def test_what_is_built_may_be_refused_and_a_failing_step_of_ours_is_a_bug(
    function: str, module: str, file: str, raises: str, expected: bool
) -> None:
    where = INSTALLED if raises.startswith(("torch", "lightning")) else file
    fail = compiled("fail", "raise ValueError('no')", raises, where)
    build = compiled(function, "fail()", module, file, fail=fail)
    fit = compiled("fit", "build()", "lightning.trainer", INSTALLED, build=build)
    with pytest.raises(ValueError, match="no") as caught:
        fit()
    frames, traceback = [], caught.value.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    assert is_refusal(frames) == expected
    told = user_message(caught.value, Command("fit", ["fit"]))
    assert (told is not None) == (expected or module.startswith("my."))  # see test_own_code.py


def test_an_error_without_a_library_is_a_bug() -> None:
    assert user_message(ValueError("ours"), Command("fit", ["fit"])) is None


def test_a_key_is_found_by_its_name_or_else_by_its_value() -> None:
    entries = list(read_flags(["--a.width=3", "--a.depth=-1", "--a.heads=3"]))
    assert named(entries, "heads must be even") == entries[2]
    assert named(entries, "negative dimension -1: [-1, 3]") == entries[1]
    assert named(entries, "3 is odd") is None
