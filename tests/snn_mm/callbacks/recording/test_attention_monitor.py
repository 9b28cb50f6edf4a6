from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch.optim import SGD
from torch.utils.data import DataLoader

from snn_mm.callbacks import AttentionMonitor
from snn_mm.callbacks.recording.attention_monitor import COLUMNS
from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.modules import TAAFModule
from snn_mm.run.epoch_table import EpochTable

Loader = DataLoader[Batch]


@pytest.fixture
def loader(make_batch: Callable[[int], Batch]) -> Loader:
    """Batches of different sizes."""
    return DataLoader([make_batch(5), make_batch(2)], batch_size=None)  # type: ignore[arg-type]


@pytest.fixture
def module(make_encoders: Callable[..., dict[str, Any]]) -> TAAFModule:
    encoders = make_encoders({"audio": 3, "visual": 3})
    return TAAFModule(encoders, 3, width=None, optimizer=partial(SGD, lr=0.1)).double()


def recorded(folder: Path) -> dict[tuple[int, str], list[float]]:
    """Scores `[T]` by epoch and output; a row that comes twice makes them too long."""
    scores: dict[tuple[int, str], list[float]] = {}
    for row in EpochTable(folder / "attention.csv", COLUMNS).rows():
        own = scores.setdefault((int(row["epoch"]), row["output"]), [])
        assert int(row["time_step"]) == len(own)
        own.append(float(row["score"]))
    return scores


def test_scores_are_means_over_the_samples_of_a_validation(
    make_trainer: Callable[..., Trainer], module: TAAFModule, loader: Loader, tmp_path: Path
) -> None:
    make_trainer(AttentionMonitor()).fit(module, loader, loader)
    scores = [module.scores(module(batch["inputs"])) for batch in loader]
    for name in ("audio", "visual", FUSED):
        columns = [score[name][:, i] for score in scores for i in range(score[name].shape[1])]
        expected = [sum(c[t].item() for c in columns) / 7 for t in range(3)]
        assert recorded(tmp_path)[1, name] == pytest.approx(expected, rel=1e-12)
        assert max(expected) - min(expected) > 1e-3
    assert (tmp_path / "figures" / "attention.png").read_bytes().startswith(b"\x89PNG")


def test_every_epoch_and_output_is_recorded_once_also_after_a_resume(
    make_trainer: Callable[..., Trainer], module: TAAFModule, loader: Loader, tmp_path: Path
) -> None:
    first = make_trainer(AttentionMonitor(), max_epochs=1)
    first.fit(module, loader, loader)
    first.save_checkpoint(tmp_path / "one.ckpt")
    for _ in range(2):
        resumed = make_trainer(AttentionMonitor())
        resumed.fit(module, loader, loader, ckpt_path=tmp_path / "one.ckpt")
    found = recorded(tmp_path)
    assert list(found) == [(e, name) for e in (0, 1) for name in ("audio", "visual", FUSED)]
    assert [len(scores) for scores in found.values()] == [3] * 6


def test_sums_and_samples_are_added_over_ranks(
    make_trainer: Callable[..., Trainer],
    module: TAAFModule,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second rank has 3 samples that all attend to the first step alone."""
    other = torch.tensor([3.0, 0.0, 0.0, 3.0])  # sums and samples
    trainer, monitor = make_trainer(), AttentionMonitor()
    trainer.state.fn = TrainerFn.FITTING
    monitor._sums, monitor._counts = {FUSED: torch.tensor([1.0, 3.0, 3.0])}, Counter({FUSED: 7})
    monkeypatch.setattr(trainer.strategy, "reduce", lambda x, reduce_op: x + other)
    monitor.on_validation_epoch_end(trainer, module)
    assert recorded(tmp_path)[0, FUSED] == pytest.approx([0.4, 0.3, 0.3])


def test_half_precision_is_measured(
    make_trainer: Callable[..., Trainer], module: TAAFModule, loader: Loader, tmp_path: Path
) -> None:
    batches = [
        {**batch, "inputs": {n: x.float() for n, x in batch["inputs"].items()}} for batch in loader
    ]
    data = DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
    trainer = make_trainer(AttentionMonitor(), max_epochs=1, precision="bf16-mixed")
    trainer.fit(module.float(), data, data)
    assert sum(recorded(tmp_path)[0, FUSED]) == pytest.approx(1, abs=1e-2)


def test_a_module_without_attention_is_refused(
    make_trainer: Callable[..., Trainer], make_module: Callable[..., Any], loader: Loader
) -> None:
    with pytest.raises(UserError, match="such as TAAFModule; IEMFModule has none"):
        make_trainer(AttentionMonitor()).fit(make_module(), loader, loader)


def test_a_trial_run_and_a_test_write_nothing(
    make_trainer: Callable[..., Trainer], module: TAAFModule, loader: Loader, tmp_path: Path
) -> None:
    make_trainer(AttentionMonitor(), fast_dev_run=True).fit(module, loader, loader)
    make_trainer(AttentionMonitor()).test(module, loader, verbose=False)
    make_trainer(AttentionMonitor()).validate(module, loader, verbose=False)
    assert not list(tmp_path.iterdir())
