"""A network of each module leaves as a file that repeats the test of its run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snn_mm.cli import main
from tests.experiments import test_avqa, test_incremental, test_sentiment, test_shipped

# Fixtures are found by the names in a module.
from tests.experiments.test_avqa import root  # noqa: F401
from tests.experiments.test_incremental import features  # noqa: F401
from tests.experiments.test_sentiment import roots  # noqa: F401
from tests.experiments.test_shipped import small_data  # noqa: F401

FORMS = ("pt2", "onnx")
Fit = Callable[[pytest.FixtureRequest, Path], Path]


def shipped(experiment: str, *switches: str) -> Fit:
    def fit(request: pytest.FixtureRequest, place: Path) -> Path:
        flags = request.getfixturevalue("small_data")[experiment]
        return test_shipped.train(experiment, switches, flags, place)

    return fit


def answers(*pieces: str) -> Fit:
    def fit(request: pytest.FixtureRequest, place: Path) -> Path:
        files = request.getfixturevalue("root")
        test_avqa.fit("iemf_avqa", pieces, [test_avqa.GROUNDED], files, place)
        return place / "iemf_avqa" / "s0"

    return fit


def tasks(*switches: str) -> Fit:
    def fit(request: pytest.FixtureRequest, place: Path) -> Path:
        test_incremental.learn("ave", switches, request.getfixturevalue("features"), place)
        return place / "run" / "one"

    return fit


def scores(*flags: str, pieces: tuple[str, ...] = ()) -> Fit:
    def fit(request: pytest.FixtureRequest, place: Path) -> Path:
        files = request.getfixturevalue("roots")["mosi"]
        test_sentiment.train("mosi", pieces, [*flags], files, place)
        return place / "run" / "one"

    return fit


NETWORKS = {
    "iemf": shipped("quickstart"),
    "iemf_resnet": shipped("iemf_cremad"),
    "iemf_ann": shipped("imbalanced_digits", "ann"),
    "taaf_resnet": shipped("taaf_ave"),
    "taaf_events": shipped("taaf_ead"),
    "sgmt": scores(*test_sentiment.NARROW),
    "sgmt_ann": scores(*test_sentiment.NARROW, pieces=("sgmt/ann",)),
    "mult": scores(*test_sentiment.ROWS["mosei"]["mult"]),
    "avqa": answers("joint"),
    "avqa_snn": answers("snn"),
    "tasks": tasks(),
    "tasks_snn": tasks("spiking_trunk"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_of_a_network_repeats_its_test(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="needs snn_mm[export]")
    run = NETWORKS[name](request, tmp_path)
    for form in FORMS:
        file = tmp_path / f"network.{form}"
        assert main(["export", str(run), "--to", form, "--output", str(file)]) == 0
        card: dict[str, Any] = json.loads(Path(f"{file}.json").read_text())
        assert card["proof"]["samples"] > 0
        assert card["proof"]["off"] == card["proof"]["decided_otherwise"] == 0
