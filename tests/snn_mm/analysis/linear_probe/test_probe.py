"""The linear model reaches what a linear model can reach, on whatever pools to numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from snn_mm.analysis.linear_probe import LinearProbe
from snn_mm.analysis.linear_probe.pooling import WIDTH, pooled
from snn_mm.commands.linear_probe import note_linear_probe
from snn_mm.encoders.windows import window_statistics

SIZES = {"train": 400, "val": 100, "test": 300}


class Rows:
    """A split of any inputs; an item is a row, and rows are collated to a batch."""

    def __init__(self, batch: dict[str, Any]) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return len(self.batch["target"])

    def __getitem__(self, row: int) -> int:
        return row


class Data:
    """A data module of inputs `[n, ...]` that a function makes of features `[n, 6]`."""

    def __init__(self, make: Any, **more: Any) -> None:
        generator = torch.Generator().manual_seed(0)
        weights = torch.randn(6, 3, generator=generator)
        self.splits = {}
        for name, size in SIZES.items():
            x = torch.randn(size, 6, generator=generator)
            noise = torch.randn(size, 3, generator=generator)
            batch = {"inputs": make(x), "target": (x @ weights + 0.5 * noise).argmax(1)}
            batch |= {key: value(size) for key, value in more.items()}
            self.splits[name] = Rows(batch)

    def split(self, name: str) -> Rows:
        self.reading = self.splits[name].batch
        return self.splits[name]

    def collate(self, rows: list[int]) -> dict[str, Any]:
        def own(value: Any) -> Any:
            taken = {k: v[rows] for k, v in value.items()} if isinstance(value, dict) else None
            return value[rows] if taken is None else taken

        return {key: own(value) for key, value in self.reading.items()}


def halves(x: Tensor) -> dict[str, Tensor]:
    """Two modalities, in units that differ."""
    return {"a": x[:, :3] * 1e3 + 7, "b": x[:, 3:] * 1e-3}


def test_it_reaches_what_scikit_learn_does_with_the_same_features() -> None:
    data = Data(halves)
    found = LinearProbe().measure(data, ("a", "b"))
    assert found is not None
    x, y = ({n: data.splits[n].batch[key] for n in SIZES} for key in ("inputs", "target"))
    for name, members in {"a": "a", "b": "b", "fused": "ab"}.items():
        values = {n: np.concatenate([x[n][m].numpy() for m in members], 1) for n in SIZES}
        mean, deviation = values["train"].mean(0), values["train"].std(0)
        scaled = {n: (v - mean) / deviation for n, v in values.items()}
        own = LogisticRegression(C=found["C"][name]).fit(scaled["train"], y["train"])
        assert found["accuracy"][name] == pytest.approx(
            own.score(scaled["test"], y["test"]), abs=0.01
        )
    assert found["accuracy"]["fused"] > 0.8 > found["accuracy"]["a"]
    assert found["samples"] == SIZES
    assert found["width"] == {"a": 3, "b": 3}
    assert json.loads(json.dumps(found)) == found
    assert LinearProbe().measure(data, ("a", "b"))["accuracy"] == found["accuracy"]  # type: ignore[index]


def test_sequences_pictures_frames_and_events_are_pooled() -> None:
    lengths = torch.tensor([3, 9, 5])
    x = torch.randn(3, 9, 4)
    wanted = window_statistics(x, lengths, 4, ("mean", "std")).flatten(1)
    torch.testing.assert_close(pooled(x, lengths), wanted)
    for shape in ((3, 50, 700), (3, 3, 90, 40), (3, 5, 3, 48, 64), (3, 1, 4, 300), (3, 600, 2, 2)):
        assert pooled(torch.randn(shape)).shape[1] <= max(WIDTH, *shape[1:])
    frames = torch.randn(3, 5, 1, 8, 8)
    torch.testing.assert_close(pooled(frames), frames.mean(1).flatten(1))


def test_padding_is_not_seen() -> None:
    lengths = torch.arange(400) % 5 + 1

    def padded(fill: float) -> Any:
        def make(x: Tensor) -> dict[str, Tensor]:
            steps = x.unsqueeze(1).repeat(1, 6, 1)
            for row, length in enumerate(lengths[: len(x)].tolist()):
                steps[row, length:] = fill
            return {"a": steps}

        return make

    found = [
        LinearProbe().measure(Data(padded(fill), lengths=lambda n: {"a": lengths[:n]}), ("a",))
        for fill in (0.0, math.nan)
    ]
    assert found[0] is not None
    assert found[0]["accuracy"] == found[1]["accuracy"]  # type: ignore[index]
    assert found[0]["accuracy"]["fused"] > 0.8


def test_samples_that_lack_a_modality_are_not_rated_on_it() -> None:
    def make(x: Tensor) -> dict[str, Tensor]:
        inputs = halves(x)
        inputs["a"][::2] = math.nan
        return inputs

    def mask(size: int) -> dict[str, Tensor]:
        return {"a": torch.arange(size) % 2 == 1}

    found = LinearProbe().measure(Data(make, present=mask), ("a", "b"))
    assert found is not None
    assert found["accuracy"]["a"] > 0.5
    assert found["accuracy"]["fused"] > found["accuracy"]["b"]


def test_what_can_not_be_pooled_has_none() -> None:
    words = Data(lambda x: {"a": x, "question": x.long()})
    scores = Data(lambda x: {"a": x}, target=lambda n: torch.randn(n))
    assert LinearProbe().measure(words, ("a",)) is None
    assert LinearProbe().measure(scores, ("a",)) is None


def test_without_time_one_batch_and_one_strength_are_tried() -> None:
    found = LinearProbe(seconds=0).measure(Data(halves), ("a", "b"))
    assert found is not None
    assert found["samples"] == dict.fromkeys(SIZES, 64)
    assert set(found["C"].values()) == {0.01}
    assert found["of_samples"] == SIZES


class Record:
    """What keeps results."""

    is_writer = True

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}

    def update(self, **fields: Any) -> None:
        self.results |= fields


class Network:
    """A classifier."""

    num_classes, modalities = 3, ("a", "b")

    def __call__(self) -> None: ...

    def encode(self) -> None: ...

    def readout(self) -> None: ...


def noted(data: Any, **changes: Any) -> dict[str, Any]:
    """What a run's results have after its test."""
    limits = {f"limit_{part}_batches": changes.pop("limit", 1.0) for part in SIZES}
    settings = SimpleNamespace(**{"linear_probe": True, "test_after_fit": True, **changes})
    record = Record()
    note_linear_probe(
        SimpleNamespace(  # type: ignore[arg-type]
            settings=settings,
            trainer=SimpleNamespace(**limits),
            model=Network(),
            datamodule=data,
            record=record,
        )
    )
    return record.results


def test_a_run_notes_it_once_it_was_tested_on_all_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert noted(Data(halves))["linear_probe"]["accuracy"]["fused"] > 0.8
    for change in (
        {"linear_probe": False},
        {"test_after_fit": False},
        {"limit": 0.5},
        {"limit": 1},
    ):
        assert noted(Data(halves), **change) == {}
    assert "'split'" in noted(object())["linear_probe"]["error"]
    assert "no linear model was measured" in capsys.readouterr().err


def test_a_training_writes_it_and_the_summary_shows_it(
    digits_root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(__file__).parents[4]
    configs = [
        f"--config={root / name}"
        for name in ("experiments/quickstart.yaml", "examples/own_data.yaml")
    ]
    place = ["--run.root", str(tmp_path), "--run.name=run", "--run.id=a"]
    from snn_mm.cli import main

    assert (
        main(
            [
                "fit",
                *configs,
                *place,
                "--trust=own_data",
                "--data.root",
                digits_root,
                "--trainer.max_epochs=1",
            ]
        )
        == 0
    )
    results = json.loads((tmp_path / "run" / "a" / "results.json").read_text())
    assert results["status"] == "finished"
    assert set(results["linear_probe"]["accuracy"]) == {"audio", "visual", "fused"}
    assert "linear model on pooled features, fused" in capsys.readouterr().out
