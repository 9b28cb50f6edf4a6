from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from lightning import Callback
from torch.optim import SGD
from torch.utils.data import DataLoader

from snn_mm.callbacks import MSLR
from snn_mm.contracts import Batch
from snn_mm.errors import UserError

MakeBatch = Callable[..., Batch]


class Recorder(Callback):
    """Remembers the factors and the accuracies of every epoch."""

    def __init__(self, watched: MSLR) -> None:
        self.watched = watched
        self.scales: list[float] = []
        self.accuracies: dict[str, list[float]] = {"val": [], "train": []}

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.scales.append(self.watched.factors.get("scale_audio", float("nan")))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        for stage, accuracies in self.accuracies.items():
            accuracies.append(float(trainer.callback_metrics[f"{stage}/accuracy/audio"]))


@pytest.mark.parametrize(("evidence", "stage"), [("validation", "val"), ("training", "train")])
def test_dynamic_scale_is_the_own_rate_times_the_accuracy_ratio(
    fit: Any, make_batch: MakeBatch, evidence: Any, stage: str
) -> None:
    callback = MSLR("dynamic", {"audio": 2.0}, window=2, evidence=evidence)
    seen = Recorder(callback)
    options = {"lr": 0.3, "max_epochs": 6, "validation": [make_batch(30)]}
    fit([make_batch(12)], callback, seen, **options)
    accuracy = seen.accuracies[stage]
    expected = [2.0] * 3 + [
        2.0 * accuracy[e - 1] / ((accuracy[e - 2] + accuracy[e - 3]) / 2) for e in range(3, 6)
    ]
    assert seen.scales == pytest.approx(expected)
    assert len(set(expected)) > 2


@pytest.mark.parametrize(
    ("strategy", "expected"), [("keep", [0.2] * 4), ("smooth", [1.0, 0.6, 0.2, 0.2])]
)
@pytest.mark.parametrize("start", [0, 2])
def test_keep_and_smooth_follow_their_schedule(
    fit: Any, make_batch: MakeBatch, strategy: Any, expected: list[float], start: int
) -> None:
    callback = MSLR(strategy, {"audio": 0.2}, ramp_epochs=2, start_epoch=start)
    seen, batch = Recorder(callback), make_batch(8)
    fit([batch], callback, seen, lr=0.1, max_epochs=4 + start, validation=[batch])
    assert seen.scales == pytest.approx([math.nan] * start + expected, nan_ok=True)
    assert callback.factors["scale_visual"] == 1.0


def test_a_scale_of_zero_freezes_the_modality_against_decay_and_momentum(
    make_module: Any, make_batch: MakeBatch, make_trainer: Any
) -> None:
    batch = make_batch(8)
    optimizer = partial(SGD, lr=0.1, momentum=0.9, weight_decay=0.1)
    module = make_module(optimizer=optimizer)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    loader: Any = DataLoader([batch], batch_size=None)  # type: ignore[arg-type]
    make_trainer(MSLR("keep", {"audio": 0.0})).fit(module, loader)
    still = {name for name, p in module.named_parameters() if torch.equal(p, before[name])}
    assert {name for name in before if ".audio." in name} == still


def test_released_scales_are_nine_and_eleven_tenths(fit: Any, make_batch: MakeBatch) -> None:
    callback, batch = MSLR("released"), make_batch(8)
    fit([batch], callback, validation=[batch])
    assert callback.factors == {"scale_audio": 0.9, "scale_visual": 1.1}


def test_neither_test_nor_a_lone_validation_is_taken_as_evidence(
    fit: Any, make_batch: MakeBatch, make_trainer: Any
) -> None:
    callback, batch = MSLR(), make_batch(8)
    module = fit([batch], callback, validation=[batch], max_epochs=2)
    before = dict(callback.accuracies)
    loader: Any = DataLoader([make_batch(5)], batch_size=None)  # type: ignore[arg-type]
    trainer = make_trainer(callback)
    trainer.test(module, loader)
    trainer.validate(module, loader)
    assert callback.accuracies == before
    assert list(before) == [0, 1]


def test_missing_validation_is_refused_with_the_way_out(fit: Any, make_batch: MakeBatch) -> None:
    with pytest.raises(UserError, match="set `evidence: training`"):
        fit([make_batch(8)], MSLR())


def test_missing_metric_is_named(fit: Any, make_batch: MakeBatch, monkeypatch: Any) -> None:
    monkeypatch.setattr("snn_mm.callbacks.modulation.mslr.STAGES", {"validation": "none"})
    batch = make_batch(8)
    with pytest.raises(UserError, match="evidence: validation needs none/accuracy/audio, none/"):
        fit([batch], MSLR(), validation=[batch])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "keep"}, "strategy keep needs `scales`"),
        ({"window": 0}, "MSLR.window must be at least 1"),
        ({"ramp_epochs": 0}, "MSLR.ramp_epochs must be at least 1"),
        ({"scales": {"audio": -1.0}}, "MSLR.scales must not be negative"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MSLR(**options)


def test_scales_of_unknown_modalities_are_refused(make_module: Any) -> None:
    with pytest.raises(UserError, match="no modality sound; accepted: audio, visual"):
        MSLR("keep", {"sound": 2.0}).setup(None, make_module(), "fit")  # type: ignore[arg-type]
