"""A model takes from its data module what config and flags leave out, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonargparse import ActionConfigFile
from lightning import LightningDataModule, LightningModule

import datamodules
import snn_mm.modules  # noqa: F401 - makes its classes choices
from snn_mm.cli import main
from snn_mm.config.parser import Parser
from tests.conftest import Toy

datamodules.import_all()
EXPERIMENTS = Path(__file__).parents[3] / "experiments"
Settings = Callable[..., dict[str, Any]]


@pytest.fixture
def settings() -> Settings:
    """Arguments of the model under an experiment and flags."""

    def read(experiment: str, *flags: str) -> dict[str, Any]:
        parser = Parser(exit_on_error=False)
        parser.add_argument("--config", action=ActionConfigFile)
        parser.add_argument("--seed_everything", type=int)
        for section in ("trainer", "run", "checkpoint"):
            parser.add_argument(f"--{section}", type=dict | str)
        parser.add_lightning_class_args(LightningModule, "model", subclass_mode=True)
        parser.add_lightning_class_args(LightningDataModule, "data", subclass_mode=True)
        outer = Parser(exit_on_error=False)
        outer.add_subcommands().add_subcommand("fit", parser)
        config = f"--config={EXPERIMENTS / experiment}.yaml"
        parsed = outer.parse_args(["fit", config, *flags])
        found: dict[str, Any] = yaml.safe_load(parser.dump(parsed.fit))["model"]["init_args"]
        return found

    return read


def visual(model: dict[str, Any]) -> tuple[int, str]:
    arguments = model["encoders"]["visual"]["init_args"]
    return arguments["in_channels"], arguments["input_kind"]


def test_classes_channels_and_frames_are_those_of_the_protocol(settings: Settings) -> None:
    assert settings("iemf_ks")["num_classes"] == 31
    assert visual(settings("iemf_ks")) == (3, "frames")
    assert visual(settings("iemf_cremad")) == (3, "static")
    assert visual(settings("iemf_cremad", "--data.override.frames=2")) == (3, "frames")


def test_what_is_given_counts(settings: Settings) -> None:
    kind = "--model.encoders.visual.input_kind=static"
    model = settings("iemf_ks", "--model.num_classes=5", kind)
    assert model["num_classes"] == 5
    assert visual(model) == (3, "static")


def test_sequences_have_the_shapes_of_the_file_but_where_one_is_given(settings: Settings) -> None:
    flags = ("--data.alignment=unaligned", "--model.feature_dims={audio: 7}")
    model = settings("sgmt_mosi", *flags)
    assert model["feature_dims"] == {"text": 768, "audio": 7, "visual": 20}
    assert model["max_lengths"] == {"text": 50, "audio": 375, "visual": 500}


def test_tasks_and_words_come_from_the_data(settings: Settings) -> None:
    model = settings("iemf_ks_ci")
    assert (model["num_classes"], model["classes_per_task"]) == (30, 6)
    model = settings("iemf_avqa_baseline", "--data.features.audio_shape=[60, 5]")
    assert (model["num_classes"], model["vocabulary"]) == (42, 93)
    assert model["encoders"]["audio"]["init_args"]["in_features"] == 5


def test_class_names_of_ones_own_are_enough(settings: Settings) -> None:
    channels = [f"--model.encoders.{name}.in_channels=1" for name in ("audio", "visual")]
    own = f"--data={Toy.__module__}.{Toy.__qualname__}"
    assert settings("iemf_cremad", own, *channels)["num_classes"] == 2


def run(*flags: str) -> int:
    return main(["fit", f"--config={EXPERIMENTS / 'quickstart.yaml'}", *flags])


def test_data_that_tell_nothing_leave_the_model_to_say_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    channels = [f"--model.encoders.{name}.in_channels=1" for name in ("audio", "visual")]
    assert run("--data=lightning.pytorch.demos.boring_classes.BoringDataModule", *channels) == 2
    assert "model (IEMFModule): missing num_classes\nin " in capsys.readouterr().err


def test_data_that_refuse_their_arguments_are_named_before_the_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--data.seed=-1") == 2
    assert capsys.readouterr().err == "snnmm: error: seed is -1; accepted: 0 or more\n"
