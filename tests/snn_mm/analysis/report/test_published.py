"""The papers' numbers: the file that is shipped, and what each belongs beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snn_mm.analysis.report.naming import Library
from snn_mm.analysis.report.published import PublishedNumber, find_number, read_published
from snn_mm.errors import UserError

FILE = Path(__file__).parents[4] / "experiments" / "published.yaml"
METRIC = "test/accuracy/fused"


@pytest.fixture(scope="module")
def numbers() -> list[PublishedNumber]:
    return read_published(FILE)


def facts(neuron: str = "IEMFLIF", *callbacks: str, **changes: Any) -> dict[str, Any]:
    base = {
        "model": "IEMFModule",
        "model.fusion": "Concat",
        "model.joint_weight": 1.0,
        "model.encoders.audio.neuron": neuron,
        "model.encoders.visual.neuron": neuron,
        "data": "KineticsSounds",
    }
    used = {f"trainer.callbacks.{name}": name for name in callbacks}
    gamma = {"trainer.callbacks.IEMF.gamma": 1.0} if "IEMF" in callbacks else {}
    return {**base, **used, **gamma, **changes}


@pytest.mark.parametrize(
    ("config", "value"),
    [
        (facts("IEMFLIF", "IEMF"), 54.97),
        (facts("ReLU", "IEMF"), 56.17),
        (facts("ReLU", "OGMGE", "IEMF"), 64.61),
        (facts("ReLU", "IEMF", "OGM_GE", **{"trainer.callbacks.IEMF.gamma": 2.0}), 63.34),
        (facts("ReLU", "OGM_GE"), 60.87),
        (facts("ReLU", "OGM_GE", **{"model.joint_weight": 0.0}), 57.63),
        (facts("IEMFLIF", "LFM", "IEMF", data="CREMAD"), 64.78),
        (facts("TAAFLIF", model="TAAFModule", data="AVE"), 70.65),
    ],
)
def test_numbers_belong_beside_their_method(
    numbers: list[PublishedNumber], config: dict[str, Any], value: float
) -> None:
    found = find_number(numbers, config, METRIC, Library())
    assert found is not None
    assert found.value == value


@pytest.mark.parametrize(
    "config",
    [
        facts("IEMFLIF", "IEMF", data="DigitsAV"),
        facts("IEMFLIF", "IEMF", **{"trainer.callbacks.IEMF.gamma": 2.0}),
        facts("IEMFLIF", "IEMF", **{"model.fusion": "FiLM"}),
        facts("IEMFLIF", "IEMF", "Other"),
        facts("IEMFLIF"),
        {k: v for k, v in facts("IEMFLIF", "IEMF").items() if "visual" not in k},
    ],
)
def test_no_number_stands_beside_another_method(
    numbers: list[PublishedNumber], config: dict[str, Any]
) -> None:
    assert find_number(numbers, config, METRIC, Library()) is None


def in_tasks(method: str, dataset: str, *callbacks: str, **changes: Any) -> dict[str, Any]:
    config = facts("ReLU", *callbacks, model="ContinualModule", data="ClassIncremental")
    own = {"model.fusion": "Added", "model.method": method, "data.dataset": dataset}
    return {**config, **own, **changes}


@pytest.mark.parametrize(
    ("config", "metric", "value"),
    [
        (in_tasks("LwF", "ave"), "average_incremental_accuracy", 54.06),
        (in_tasks("SSIL", "ks", "IEMF"), "average_forgetting", 5.45),
        (in_tasks("AVCIL", "vs100", "IEMF"), "average_incremental_accuracy", 70.76),
        (in_tasks("AVCIL", "ave", "IEMF"), "accuracy/fused", None),
        (in_tasks("Finetune", "ave"), "average_incremental_accuracy", None),
    ],
)
def test_methods_of_learning_in_tasks_are_told_apart(
    numbers: list[PublishedNumber], config: dict[str, Any], metric: str, value: float | None
) -> None:
    found = find_number(numbers, config, f"test/{metric}", Library())
    assert (found and found.value) == value


@pytest.mark.parametrize(
    ("encoder", "callbacks", "joint_weight", "value"),
    [("PooledFrames", (), 0.0, 70.24), ("GroundedFrames", ("IEMF",), 1.0, 71.36)],
)
def test_question_answering_has_its_overall_accuracy(
    numbers: list[PublishedNumber],
    encoder: str,
    callbacks: tuple[str, ...],
    joint_weight: float,
    value: float,
) -> None:
    own = {"model.fusion": "QuestionFusion", "model.encoders.visual": encoder}
    config = facts("ReLU", *callbacks, model="AVQAModule", data="MusicAVQA", **own)
    config["model.joint_weight"] = joint_weight
    found = find_number(numbers, config, METRIC, Library())
    assert found is not None
    assert found.value == value


def test_a_number_of_another_metric_does_not_count(numbers: list[PublishedNumber]) -> None:
    assert find_number(numbers, facts("IEMFLIF", "IEMF"), "test/loss", Library()) is None


def test_every_number_says_where_it_stands_and_none_stands_twice(
    numbers: list[PublishedNumber],
) -> None:
    places = [(n.paper, n.table, n.row, n.dataset, n.metric) for n in numbers]
    assert all(map(all, places))
    assert len(set(places)) == len(places) > 100


def test_no_two_numbers_claim_the_same_config(numbers: list[PublishedNumber]) -> None:
    claims = [
        (n.dataset, n.network, n.metric, n.module, n.fusion, sorted(n.modulations), n.options)
        for n in numbers
    ]
    assert len(set(map(str, claims))) == len(claims)


@pytest.mark.parametrize(
    "text", ["", "tables: 3", "tables:\n- {entries: [{value: 1}]}", "[", "a: 1"]
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UserError, match=r"p\.yaml"):
        read_published(tmp_path / "p.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_published(tmp_path / "p.yaml")


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "published.yaml"
    file.write_text("tables:\n- paper: A\n  table: 1\n  paper: B\n")
    with pytest.raises(UserError, match="'paper' is given twice, first in line 2"):
        read_published(file)
