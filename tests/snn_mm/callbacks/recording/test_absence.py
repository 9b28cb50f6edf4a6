"""What callbacks record of samples that lack a modality: as if it had never been loaded."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer
from presence_cases import MODULES, filled, fusion_of, make_batches, never_loaded
from torch.utils.data import DataLoader

from snn_mm import callbacks
from snn_mm.callbacks import Modulation
from snn_mm.contracts import Batch

MakeTrainer = Callable[..., Trainer]
RECORDERS = [
    kind
    for kind in vars(callbacks).values()
    if inspect.isclass(kind)
    and issubclass(kind, Callback)
    and not issubclass(kind, Modulation)
    and kind is not callbacks.WarmStart  # it reads another run, and no batch
]


@pytest.fixture
def recorded(make_trainer: MakeTrainer, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return what is logged and written of a training and a test with every recorder there is."""

    def record(batches: list[Batch]) -> dict[str, Any]:
        torch.manual_seed(0)
        module = MODULES["TAAFModule"](fusion_of("CMCI"))
        loader: Any = DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
        trainer = make_trainer(*(kind() for kind in RECORDERS), max_epochs=1)
        trainer.fit(module, loader, loader)
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        trainer.test(module, loader, verbose=False)
        logged |= {name: float(value) for name, value in trainer.callback_metrics.items()}
        written = [path for path in tmp_path.rglob("*") if path.suffix in (".csv", ".json")]
        return {**logged, **{path.name: path.read_text() for path in written}}

    return record


def single(batch: Batch) -> Batch:
    return {**batch, "inputs": {name: x.float() for name, x in batch["inputs"].items()}}


def test_masked_is_never_loaded_in_all_that_is_recorded(
    recorded: Callable[..., dict[str, Any]],
) -> None:
    found = [
        recorded([single(change(batch)) for batch in make_batches()])
        for change in (lambda b: filled(b, math.nan), never_loaded)
    ]
    assert found[0] == found[1]
    assert {"attention.csv", "factors.csv", "spikes.csv", "energy.json"} <= set(found[0])
    assert {"val/xi", "test/firing_rate/audio", "test/shapley/audio"} <= set(found[0])
    assert not [name for name, value in found[0].items() if "nan" in str(value).lower()]


def test_of_a_modality_that_no_sample_has_nothing_is_recorded(
    recorded: Callable[..., dict[str, Any]],
) -> None:
    silent = {"audio": torch.zeros(8, dtype=torch.bool)}
    batch: Batch = {**make_batches()[0], "present": silent}
    found = recorded([single(never_loaded(batch))])
    nobody = {name for name, value in found.items() if "nan" in str(value).lower()}
    stages = ("train", "val", "test")
    assert nobody == {*(f"{stage}/accuracy/audio" for stage in stages), "train/loss/audio"}
    others = {name for name in found if name.endswith("/audio")} - nobody
    assert all(found[name] == 0.0 for name in others), others  # such as its Shapley value
    assert "audio" not in found["spikes.csv"] + found["attention.csv"]
    assert {"val/xi", "test/firing_rate/visual", "test/shapley/visual"} <= set(found)
