"""Every shipped method, modulation and callback through `snnmm fit` on two ranks, none left out.

Standard output is a file, as in a batch job. One pair of processes trains them one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from toy_ranks import Ranks

from snn_mm.config.catalogue import MANIFEST
from snn_mm.run import RunDirectory
from snn_mm.run.metrics_file import read_rows

RANKS = Path(__file__).parents[1] / "toy" / "ranks.yaml"
METHODS = sorted((Path(__file__).parents[3] / "experiments" / "_base" / "methods").glob("*.yaml"))

ARGUMENTS: dict[str, dict[str, object]] = {
    "EpochSeed": {"seed": 3},
    "WarmStart": {"run": "{root}/toy/normal"},
}
"""What a callback can't do without, where `{root}` is the folder of all runs."""

EVENTS = ("--data.modalities", "[audio, events]", "--model.encoders",
          "{audio: toy_experiment.ToySpikes, events: toy_experiment.ToySpikes}")  # fmt: skip
TASKS = ("--config", str(RANKS.with_name("ranks_tasks.yaml")))
CONVOLUTIONS = ("--model.encoders", "{audio: toy_ranks.RankConv, visual: toy_ranks.RankConv}")
MODELS: dict[str, tuple[str, ...]] = {
    "mslr_ead": EVENTS,
    **dict.fromkeys(("ogm", "ogm_ge", "OGM", "OGMGE"), CONVOLUTIONS),
    "AttentionMonitor": ("--config", str(RANKS.with_name("ranks_taaf.yaml"))),
    "MatrixRecord": TASKS,
    "SemanticAlignment": ("--model.fusion", "SCMRL", "--model.fusion.groups", "2",
                          "--model.fusion.heads", "3"),
}  # fmt: skip
"""The flags of what asks for another model or other data."""

SECTIONS = {
    "BestCheckpoint": ("--checkpoint.monitor", "val/loss", "--checkpoint.mode", "min"),
    "FiniteGuard": ("--guard.action", "skip"),
}
"""What is no entry of the list of callbacks, but a section of its own."""


def listed(*groups: str) -> list[str]:
    classes = json.loads(MANIFEST.read_text())["classes"]
    return [each["name"] for each in classes if each["group"] in groups]


def flags_of(case: str, root: Path) -> list[str]:
    """What one types for a method's file, a modulation or a callback."""
    method = METHODS[0].with_name(f"{case}.yaml")
    flags = [*MODELS.get(case, ()), *SECTIONS.get(case, ())]
    if method.is_file():
        flags += ["--config", str(method)]
    elif case not in SECTIONS:
        callback = {"class_path": case, "init_args": ARGUMENTS.get(case, {})}
        flags += ["--trainer.callbacks", json.dumps([callback]).replace("{root}", str(root))]
    return ["--config", str(RANKS), *flags, "--run.root", str(root), "--run.id", case]


class Trained(NamedTuple):
    """What two ranks left of all cases: their exit codes in turn, and the folder of their runs."""

    codes: list[list[int]]
    said: str
    root: Path


TrainAll = Callable[[list[str]], Trained]


@pytest.fixture(scope="module")
def train_all(tmp_path_factory: pytest.TempPathFactory) -> TrainAll:
    def start(cases: list[str]) -> Trained:
        root = tmp_path_factory.mktemp("ranks")
        ranks = Ranks([["fit", *flags_of(case, root)] for case in cases], root / "said")
        said = "\n".join(outcome.err[-3000:] for outcome in ranks.wait(500))
        return Trained(ranks.codes(), said, root)

    return start


CASES = [*(path.stem for path in METHODS), *listed("modulations", "callbacks")]
QUICK = ["normal", "pmr", "FactorTracker", "SpikeMonitor"]
"""Where a collective has stood behind a branch of the first rank, or easily could."""


def check(trained: Trained, cases: list[str], case: str) -> None:
    place = cases.index(case)
    assert [codes[place : place + 1] for codes in trained.codes] == [[0], [0]], trained.said
    run = RunDirectory(trained.root / "toy" / case)
    assert run.status() == "finished"
    assert json.loads(run.environment.read_text())["ranks"] == 2
    assert any("val/loss" in row for row in read_rows(run.metrics))


@pytest.fixture(scope="module")
def quick(train_all: TrainAll) -> Trained:
    return train_all(QUICK)


@pytest.fixture(scope="module")
def all_cases(train_all: TrainAll) -> Trained:
    return train_all(CASES)


@pytest.mark.parametrize("case", QUICK)
def test_two_ranks_train_what_the_first_alone_writes_of(quick: Trained, case: str) -> None:
    check(quick, QUICK, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_ranks_train_with_whatever_is_shipped(all_cases: Trained, case: str) -> None:
    check(all_cases, CASES, case)
