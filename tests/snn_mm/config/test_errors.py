"""Every mistake ends in at most five lines that name the key, its place and what is accepted.

The fixture `fails` checks the exit code, the number of lines and that no stack trace is printed.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lightning.pytorch.utilities.exceptions import MisconfigurationException

import datamodules
import snn_mm.modules  # noqa: F401 - makes its classes choices
from snn_mm.config.errors import bare_message, user_message
from snn_mm.config.explain import explain
from snn_mm.config.tree import read_flags
from snn_mm.errors import UserError

Fails = Callable[..., str]

datamodules.import_all()

IN_THE_FILE = {
    "top level": ("trainer:", "trainr:", ["'trainr'", "nearest: trainer"]),
    "trainer": ("max_epochs", "max_epoch", ["'trainer.max_epoch'", "nearest: max_epochs"]),
    "model": ("num_classes", "num_clases", ["'model.num_clases' of IEMFModule", "num_classes"]),
    "nested": ("width: 5", "widht: 5", ["'model.encoders.visual.widht' of ToyEncoder", "width"]),
    "model class": ("IEMFModule", "IEMFModul", ["model: no class 'IEMFModul'", "IEMFModule"]),
    "fusion class": ("Concat", "Conkat", ["model.fusion: no class 'Conkat'", "Concat"]),
    "encoder class": (
        "visual: {class_path: toy_experiment.ToyEncoder",
        "visual: {class_path: toy_experiment.ToyEncodr",
        ["model.encoders.visual: no class", "nearest: ToyEncoder"],
    ),
    "data class": ("toy_experiment.ToyData", "DigitAV", ["data: no class 'DigitAV'", "DigitsAV"]),
    "callback class": ("[IEMF,", "[IEMV,", ["trainer.callbacks.0: no class 'IEMV'", "IEMF"]),
    "missing file": ("toy_experiment.ToyData", "_base/no.yaml", ["data: no such file '_base/no"]),
    "file of before": (
        "toy_experiment.ToyData",
        "_base/pom.yaml",
        ["no such file '_base/pom", "now: `data` in sgmt_pom.yaml"],
    ),
    "type": ("max_epochs: 3", "max_epochs: two", ["expected int or null, got 'two'"]),
    "nested type": ("width: 5", "width: wide", ["encoders.visual.width: expected int, got 'wide'"]),
    "required": ("num_classes: 2", "joint_weight: 2", ["model (IEMFModule): missing num_classes"]),
}

ON_THE_COMMAND_LINE = {
    "trainer": (["--trainer.max_epoch", "3"], ["'trainer.max_epoch'", "max_epochs"]),
    "model": (["--model.num_clases=3"], ["'model.num_clases' of IEMFModule", "num_classes"]),
    "with init_args": (["--model.init_args.num_clases", "3"], ["of IEMFModule", "num_classes"]),
    "nested": (["--model.encoders.audio.widht", "3"], ["of ToyEncoder", "nearest: width"]),
    "without its section": (["--max_epochs", "3"], ["'max_epochs'", "trainer.max_epochs"]),
    "class": (["--model.optimizer", "Adm"], ["model.optimizer: no class 'Adm'", "nearest: Adam"]),
    "class of a factory": (
        ["--model.fusion", "my.Own", "--trust", "my"],
        ["model.fusion: no class 'my.Own' that fits here (No module named 'my')"],
    ),
    "choice": (["--checkpoint.mode", "up"], ["checkpoint.mode: expected min or max, got 'up'"]),
    "metric": (["--checkpoint.monitor", "val/acc"], ["checkpoint.monitor", "val/accuracy/"]),
    "trainer value": (["--trainer.strategy", "gloo"], ["trainer.strategy is 'gloo'", "auto, ddp"]),
    "trainer's own": (["--trainer.profiler", "wrong"], ["trainer: ", "profiler", "simple"]),
    "two of one modulation": (
        ["--trainer.callbacks+", "IEMF"],
        ["more than one stateful"],
    ),
    "synchronised batch norm on a CPU": (
        ["--trainer.sync_batchnorm", "true", "--trainer.strategy", "ddp"],
        ["trainer.sync_batchnorm: SyncBatchNorm trains on GPUs alone"],
    ),
    "absent plugin": (
        ["--trainer.plugins", "FloatingPoint"],
        ["trainer.plugins: no class 'FloatingPoint' that fits here"],
    ),
    "data directory": (["--data.root", "missing"], ["data.root: no directory 'missing'"]),
    "corrupt clip": (["--data.bad", "true"], ["clip 'three.wav' is corrupt"]),
    "corrupt clip in a worker": (
        ["--data.bad", "true", "--data.num_workers", "1"],
        ["snnmm: error: clip 'three.wav' is corrupt"],
    ),
    "checkpoint": (["--ckpt_path", "nowhere"], ["--ckpt_path nowhere: no such file"]),
    "run to resume": (["--resume", "nowhere"], ["--resume nowhere: no run directory"]),
}


@pytest.mark.parametrize(("old", "new", "parts"), IN_THE_FILE.values(), ids=list(IN_THE_FILE))
def test_a_mistake_in_a_file_is_named_with_its_line(
    old: str, new: str, parts: list[str], toy_config: Path, tmp_path: Path, fails: Fails
) -> None:
    text = toy_config.read_text()
    assert old in text
    path = tmp_path / "wrong.yaml"
    path.write_text(text.replace(old, new))
    message = fails("fit", "--config", str(path), "--run.root", str(tmp_path / "runs"))
    line = text[: text.index(old)].count("\n") + 1
    assert all(part in message for part in parts)
    assert f"{path}:{line}" in message or "missing" in message
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("flags", "parts"), ON_THE_COMMAND_LINE.values(), ids=list(ON_THE_COMMAND_LINE)
)
def test_a_mistake_in_a_flag_is_named(
    flags: list[str], parts: list[str], toy_config: Path, tmp_path: Path, fails: Fails
) -> None:
    message = fails("fit", "--config", str(toy_config), "--run.root", str(tmp_path), *flags)
    assert all(part in message for part in parts), message


def test_an_unknown_key_of_a_mapping_with_fixed_keys_is_named_with_the_nearest(
    toy_config: Path, tmp_path: Path, fails: Fails
) -> None:
    config = tmp_path / "toy.yaml"
    model = toy_config.read_text().split("\ndata:")[0]
    config.write_text(
        f"{model}\ndata:\n  class_path: CremaD\n  init_args:\n    override: {{frame: 3}}\n"
    )
    message = fails("fit", "--config", str(config))
    assert "unknown key 'data.override.frame'" in message
    assert "nearest: frames" in message


FLAGS = {
    "of a dataclass": ("--data.loader.prefetch_factor", "expected int or null, got 'x'"),
    "of a name that other keys have": ("--data.snr_db.audio", "expected float or null, got 'x'"),
    "of a callback": ("--trainer.callbacks.gamma", "expected float, got 'x'"),
}


@pytest.mark.parametrize(("flag", "expected"), FLAGS.values(), ids=list(FLAGS))
def test_a_value_that_does_not_fit_is_told_of_the_flag_that_has_it(
    flag: str, expected: str, quickstart: Path, fails: Fails
) -> None:
    message = fails("fit", "--config", str(quickstart), flag, "x")
    assert f"{flag[2:]}: {expected}" in message
    assert f"in {flag}" in message


def explained(key: str, *entries: tuple[str, str]) -> str:
    """What is said of an unknown key, after flags that set other keys."""
    arguments = [f"--{name}={value}" for name, value in [*entries, (key, "1")]]
    return explain(f"Option '{key}' is not accepted", list(read_flags(arguments)))


def test_an_unknown_option_of_a_method_is_told_the_options_of_its_class() -> None:
    model = [("model", "ContinualModule"), ("model.method", "AVCIL")]
    message = explained("model.method.lambda_i", *model)
    assert "'model.method.lambda_i' of AVCIL" in message
    assert "accepted: instance, class_contrast, attention" in message


def test_a_key_of_another_section_is_shown_only_if_it_is_nearly_what_was_typed() -> None:
    assert "nearest: trainer.max_epochs" in explained("max_epoch")
    assert "max" not in explained("lambda_i")


def test_an_unknown_key_of_a_dataclass_is_told_its_fields() -> None:
    message = explained("data.loader.batchsize", ("data", "DigitsAV"))
    assert "nearest: batch_size" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: [1,\n", "wrong.yaml:2: no valid YAML"),
        ("just words", "expected keys"),
        ("", "expected keys"),
    ],
)
def test_a_file_that_is_no_config_is_named(
    text: str, expected: str, tmp_path: Path, fails: Fails
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    assert expected in fails("fit", "--config", str(path))


def test_a_missing_config_is_named(fails: Fails) -> None:
    assert "--config nope.yaml: no such file" in fails("fit", "--config", "nope.yaml")


def test_no_config_at_all_says_what_to_type(fails: Fails) -> None:
    assert "snnmm fit --config" in fails("fit")


def test_measuring_needs_a_checkpoint(toy_config: Path, fails: Fails) -> None:
    assert "--ckpt_path" in fails("test", "--config", str(toy_config))


def test_a_failed_run_says_why_in_its_results(
    toy_config: Path, tmp_path: Path, fails: Fails
) -> None:
    place = ("--run.root", str(tmp_path), "--run.id", "a")
    fails("fit", "--config", str(toy_config), *place, "--data.bad", "true")
    results = (tmp_path / "toy" / "a" / "results.json").read_text()
    assert '"status": "failed"' in results
    assert "three.wav" in results


def test_the_message_is_found_under_what_wraps_it() -> None:
    wrapper = ValueError("Problem with given class_path")
    wrapper.__cause__ = UserError("data.root: nothing there")
    assert user_message(wrapper, None) == "data.root: nothing there"


def test_a_worker_traceback_is_left_out() -> None:
    wrapped = (
        "Caught UserError in DataLoader worker process 0.\nOriginal Traceback (most recent call "
        "last):\n  File ...\nsnn_mm.errors.UserError: clip 'a.wav' is corrupt\nno frames in it\n"
    )
    assert bare_message(wrapped) == "clip 'a.wav' is corrupt\nno frames in it"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (
            "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that",
            "DataLoader worker (pid 7) is killed by signal: Bus error\nshared memory (/dev/shm)",
        ),
        ("DataLoader worker (pid(s) 7, 8) exited unexpectedly", "DataLoader worker (pid(s) 7, 8)"),
        ("[pair.cc:561] Connection closed by peer [127.0.0.1]:4022. GLHF!", "another rank has"),
    ],
)
def test_a_process_that_is_gone_is_no_traceback(raised: str, expected: str) -> None:
    message = user_message(RuntimeError(raised), None)
    assert message is not None
    assert message.startswith(expected)
    assert user_message(RuntimeError("shapes do not match"), None) is None


def test_lightnings_own_complaints_are_user_errors_and_bugs_are_not() -> None:
    assert user_message(MisconfigurationException("no such device"), None) == "no such device"
    assert user_message(ZeroDivisionError(), None) is None


def test_a_long_message_is_cut() -> None:
    message = user_message(UserError("\n".join("abcdefgh")), None)
    assert message is not None
    assert len(message.splitlines()) == 5


def test_what_wandb_refuses_is_a_users_mistake() -> None:
    refused = type("CommError", (Exception,), {"__module__": "wandb.errors"})
    message = user_message(refused("entity 'nobody' not found"), None)
    assert message is not None
    assert message.startswith("W&B: entity 'nobody' not found")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("x = 1\ndef (", "own_layers.py:2: "), ("raise KeyError('tau')", "KeyError: 'tau'")],
)
def test_a_module_of_ones_own_that_fails_says_why(
    text: str,
    reason: str,
    toy_config: Path,
    tmp_path: Path,
    fails: Fails,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (tmp_path / "own_layers.py").write_text(text)
    config = tmp_path / "mine.yaml"
    config.write_text(toy_config.read_text().replace("toy_experiment.ToyE", "own_layers.E"))
    message = fails("fit", "--config", str(config), "--trust=own_layers")
    assert "model.encoders.audio: own_layers.Encoder can't be imported: " in message
    assert reason in message
    assert f"{config}:5" in message
