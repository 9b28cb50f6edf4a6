"""A part of an experiment that is given alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn_mm.config.keys.check import check_keys
from snn_mm.config.options import read_command
from snn_mm.errors import UserError

EXPERIMENT = """\
model: _base/net.yaml
data: {class_path: DigitsAV}
trainer: _base/trainer.yaml
"""
PARTS = {
    "net.yaml": "class_path: IEMFModule\ninit_args: {encoders: {audio: {class_path: ConvNet}}}\n",
    "trainer.yaml": "max_epochs: 3\n",
    "ann.yaml": "model: {encoders: {audio: {time_steps: 1}}}\n",
    "ann_text.yaml": "model: {encoders: {text: {time_steps: 1}}}\n",
    "loose.yaml": "class_path: IEMFModule\n",
}


@pytest.fixture(autouse=True)
def _experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / "experiments" / "_base"
    base.mkdir(parents=True)
    for name, text in PARTS.items():
        (base / name).write_text(text)
    (tmp_path / "experiments" / "mine.yaml").write_text(EXPERIMENT)
    own = lambda: [tmp_path / "experiments"]  # noqa: E731
    monkeypatch.setattr("snn_mm.config.catalogue.experiment_folders", own)
    monkeypatch.chdir(tmp_path)


def refused(*argv: str) -> str:
    with pytest.raises(UserError) as caught:
        check_keys(read_command(["fit", *argv]))
    return str(caught.value)


@pytest.mark.parametrize(("name", "section"), [("net", "model"), ("trainer", "trainer")])
def test_the_content_of_a_section_says_which_and_who_names_it(name: str, section: str) -> None:
    message = refused("--config", f"experiments/_base/{name}.yaml")
    assert f"it says what stands below `{section}`" in message
    assert message.endswith("mine.yaml")


def test_such_a_part_beside_an_experiment_is_one_too() -> None:
    files = ["experiments/mine.yaml", "experiments/_base/loose.yaml"]
    assert "below `model or data`" in refused(*(f"--config={file}" for file in files))


def test_a_part_that_is_added_says_to_what() -> None:
    message = refused("--config", "experiments/_base/ann.yaml")
    assert "experiments/_base/ann.yaml is no experiment but a part of one" in message
    assert "mine.yaml --config experiments/_base/ann.yaml\npart of: " in message


def test_a_part_that_fits_none_says_no_more() -> None:
    message = refused("--config", "experiments/_base/ann_text.yaml")
    assert "--config EXPERIMENT.yaml --config experiments/_base/ann_text.yaml" in message
    assert "part of:" not in message


def test_parts_make_a_whole() -> None:
    flags = ["--model", "IEMFModule", "--data", "DigitsAV"]
    check_keys(read_command(["fit", "--config", "experiments/mine.yaml", *flags]))
    assert "data missing" in refused("--model", "IEMFModule")
