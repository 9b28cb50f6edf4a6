"""Config files on top of each other lose nothing that they do not name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonargparse import ActionConfigFile, Namespace
from lightning import LightningModule, Trainer

import snn_mm.callbacks
import snn_mm.encoders
import snn_mm.fusion
import snn_mm.modules
import snn_mm.neurons  # noqa: F401 - makes their classes choices
from snn_mm.config.composition import (
    carry_over,
    fill_end,
    for_every,
    lay_over,
    merged,
    trainer_lists,
)
from snn_mm.config.parser import Parser
from snn_mm.config.tree import read_flags
from snn_mm.errors import UserError

BASE = Path(__file__).parents[3] / "experiments" / "_base"
THREE = """
model:
  class_path: IEMFModule
  init_args:
    num_classes: 2
    fusion: Concat
    encoders:
      audio: &net
        class_path: ConvNet
        init_args: {in_channels: 1, neuron: IEMFLIF, time_steps: 4, feature_dim: 128}
      visual: *net
      text: *net
    parameter_groups: {audio: {lr: 0.1}}
    lr_scheduler: CosineAnnealingLR
trainer: {max_epochs: 9, callbacks: [IEMF]}
"""
Compose = Callable[..., dict[str, Any]]


@pytest.fixture
def compose(tmp_path: Path) -> Compose:
    """Settings of three modalities under further files (by content or path) and flags."""

    def start(*files: str | Path, flags: tuple[str, ...] = ()) -> dict[str, Any]:
        paths = []
        for number, file in enumerate((THREE, *files)):
            paths.append(file if isinstance(file, Path) else tmp_path / f"{number}.yaml")
            if isinstance(file, str):
                paths[-1].write_text(file)
        parser = Parser(exit_on_error=False)
        parser.add_argument("--config", action=ActionConfigFile)
        parser.add_lightning_class_args(LightningModule, "model", subclass_mode=True)
        parser.add_lightning_class_args(Trainer, "trainer")
        parsed = parser.parse_args([*(f"--config={path}" for path in paths), *flags])
        settings: dict[str, Any] = yaml.safe_load(parser.dump(parsed, skip_unset=False))
        return settings

    return start


def encoders(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Arguments of each encoder."""
    found = settings["model"]["init_args"]["encoders"]
    return {name: encoder["init_args"] for name, encoder in found.items()}


DROPOUT = "model: {encoders: {audio: {feature_dim: 7}}, parameter_groups: {text: {lr: 0.3}}}\n"
SAME_AS_FLAGS = (
    "--model.encoders={audio: {feature_dim: 7}}",
    "--model.parameter_groups={text: {lr: 0.3}}",
)


@pytest.mark.parametrize(("files", "flags"), [((DROPOUT,), ()), ((), SAME_AS_FLAGS)])
def test_a_dictionary_that_names_one_modality_keeps_the_others(
    files: tuple[str, ...], flags: tuple[str, ...], compose: Compose
) -> None:
    settings = compose(*files, flags=flags)
    widths = {name: encoder["feature_dim"] for name, encoder in encoders(settings).items()}
    assert widths == {"audio": 7, "visual": 128, "text": 128}
    groups = settings["model"]["init_args"]["parameter_groups"]
    assert groups == {"audio": {"lr": 0.1}, "text": {"lr": 0.3}}


def test_the_ann_twin_is_one_of_every_modality(compose: Compose) -> None:
    found = encoders(compose(BASE / "ann.yaml"))
    assert {name: encoder["time_steps"] for name, encoder in found.items()} == {
        "audio": 1,
        "visual": 1,
        "text": 1,
    }
    neurons = {encoder["neuron"]["class_path"] for encoder in found.values()}
    assert neurons == {"torch.nn.ReLU"}


def test_a_star_goes_before_what_names_one_encoder(compose: Compose) -> None:
    one = "model: {encoders: {'*': {feature_dim: 5}, text: {feature_dim: 7}}}"
    widths = {name: encoder["feature_dim"] for name, encoder in encoders(compose(one)).items()}
    assert widths == {"audio": 5, "visual": 5, "text": 7}


def test_a_star_that_stands_for_nothing_is_refused(compose: Compose, tmp_path: Path) -> None:
    alone = tmp_path / "alone.yaml"
    alone.write_text("model: {encoders: {'*': {feature_dim: 5}}}")
    with pytest.raises(UserError, match=r"alone.yaml: '\*' stands for the encoders of files"):
        for_every(alone, [])


@pytest.mark.parametrize("name", ["audio", "visual"])
def test_one_modality_is_left_whatever_order_the_switches_come_in(
    name: str, compose: Compose
) -> None:
    switches = [BASE / f"{name}_only.yaml", BASE / "ann.yaml"]
    settings = compose(*switches)
    assert encoders(settings).keys() == {name}
    assert encoders(settings)[name]["time_steps"] == 1
    assert settings == compose(*reversed(switches))
    groups = settings["model"]["init_args"]["parameter_groups"]
    assert groups == ({"audio": {"lr": 0.1}} if name == "audio" else {})


def test_a_printed_configuration_is_a_whole_one(compose: Compose, tmp_path: Path) -> None:
    once = compose(flags=("--model.modalities=[text,audio]", "--trainer.max_epochs=4"))
    assert list(encoders(once)) == ["text", "audio"]
    assert once["model"]["init_args"]["lr_scheduler"]["init_args"]["T_max"] == 4
    (tmp_path / "once.yaml").write_text(yaml.safe_dump(once, sort_keys=False))
    assert compose(tmp_path / "once.yaml") == once


CASES = {
    "a flag": (["--trainer.max_epochs=3"], 3),
    "its end given as it is": (["--trainer.max_epochs=3", "--model.lr_scheduler.T_max=9"], 9),
    "its end given in a mapping": (
        ["--trainer.max_epochs=3", "--model.lr_scheduler={init_args: {T_max: 9}}"],
        9,
    ),
    "another end": (["--trainer.max_epochs=3", "--model.lr_scheduler.T_max=7"], 7),
    "steps": (["--trainer.max_epochs=3", "--model.lr_scheduler_interval=step"], 9),
    "no end of training": (["--trainer.max_epochs=-1"], 9),
    "another key": (["--trainer.max_steps=3"], 9),
}


@pytest.mark.parametrize(("flags", "expected"), CASES.values(), ids=list(CASES))
def test_a_cosine_that_ended_with_the_training_still_does_unless_its_end_is_given(
    flags: list[str], expected: int
) -> None:
    schedule = Namespace(class_path="CosineAnnealingLR", init_args=Namespace(T_max=9))
    arguments = Namespace(lr_scheduler=schedule, lr_scheduler_interval="epoch")
    before = Namespace(
        trainer=Namespace(max_epochs=9), model=Namespace(class_path="Net", init_args=arguments)
    )
    after, given = before.clone(), list(read_flags(flags))
    for entry in given:
        key = entry.key.replace("model.", "model.init_args.")
        key = key.replace("lr_scheduler.", "lr_scheduler.init_args.")
        if "{" not in str(entry.value):
            after[key] = yaml.safe_load(str(entry.value))
    lay_over(before, after, given)
    assert after["model.init_args.lr_scheduler.init_args.T_max"] == expected


@pytest.mark.parametrize(
    ("epochs", "arguments", "expected"),
    [(5, {}, 5), (5, {"T_max": None, "eta_min": 0.1}, 5), (5, {"T_max": 7}, 7), (-1, {}, None)],
)
def test_a_cosine_whose_end_nothing_says_ends_with_the_training(
    epochs: int, arguments: dict[str, Any], expected: int | None
) -> None:
    schedule = Namespace(class_path="torch.CosineAnnealingLR", init_args=Namespace(arguments))
    model = Namespace(class_path="Net", init_args=Namespace(lr_scheduler=schedule))
    settings = Namespace(trainer=Namespace(max_epochs=epochs), model=model)
    fill_end(settings)
    found = settings["model.init_args.lr_scheduler.init_args"]
    assert found.get("T_max") == expected
    assert found.get("eta_min") == arguments.get("eta_min")


def test_an_empty_dictionary_empties_and_another_class_starts_anew() -> None:
    before = Namespace(class_path="A", init_args=Namespace(part={"x": 1, "y": {"z": 2}}))
    same = Namespace(class_path="A", init_args=Namespace(part={"y": {"w": 3}}))
    other = Namespace(class_path="B", init_args=Namespace(part={"y": {"w": 3}}))
    empty = Namespace(class_path="A", init_args=Namespace(part={}))
    assert merged(before, same).init_args.part == {"x": 1, "y": {"z": 2, "w": 3}}
    assert merged(before, other).init_args.part == {"y": {"w": 3}}
    assert merged(before, empty).init_args.part == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trainer: {max_epochs: 1}\n", []),
        ("trainer: {callbacks+: [IEMF]}\n", []),
        ("trainer: {callbacks: [IEMF], logger: [], plugins: null}\n", ["callbacks", "logger"]),
        ("trainer: trainer.yaml\n", ["callbacks"]),
        ("- a\n", []),
        ("trainer: nowhere.yaml\n", []),
    ],
)
def test_lists_of_the_trainer_are_found_in_a_file_and_in_the_file_it_names(
    text: str, expected: list[str], tmp_path: Path
) -> None:
    (tmp_path / "trainer.yaml").write_text("callbacks: []\n")
    (tmp_path / "a.yaml").write_text(text)
    assert trainer_lists(tmp_path / "a.yaml") == expected


def test_nothing_of_an_earlier_list_is_left_in_a_later_one(compose: Compose) -> None:
    one = "trainer: {callbacks: [{class_path: IEMF, init_args: {start_epoch: 60, seed: 3}}]}\n"
    other = "trainer: {callbacks: [{class_path: OGMGE}]}\n"
    (callback,) = compose(one, other)["trainer"]["callbacks"]
    assert callback["class_path"].endswith("OGMGE")
    assert (callback["init_args"]["start_epoch"], callback["init_args"]["seed"]) == (0, None)


def test_another_class_of_model_keeps_encoders_that_the_data_complete() -> None:
    encoders = {"audio": Namespace(class_path="snn_mm.encoders.ConvNet")}  # no in_channels yet
    options = Namespace(encoders=encoders, joint_weight=0.5)
    before = Namespace(class_path="snn_mm.modules.IEMFModule", init_args=options)
    after = Namespace(class_path="snn_mm.modules.TAAFModule", init_args=Namespace())
    carry_over(before, after)
    assert after.init_args == Namespace(encoders=encoders)
    given = Namespace(class_path="snn_mm.modules.TAAFModule", init_args=Namespace(encoders={}))
    carry_over(before, given)
    assert given.init_args.encoders == {}
