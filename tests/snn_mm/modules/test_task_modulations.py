"""Modulations and trackers of a module that learns in tasks: each task is a training of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning import Callback, Trainer

from snn_mm.callbacks import LFM, MSLR, PMR, FactorTracker, LossAdjustment
from snn_mm.errors import UserError
from snn_mm.run.epoch_table import EpochTable

Fit = Callable[..., Any]
JOINT = {"joint_weight": 1.0}


class EachStep(Callback):
    """Asks something before every optimizer step, by the epoch of the run."""

    def __init__(self, ask: Callable[[Any], Any]) -> None:
        self.ask = ask
        self.by_epoch: dict[int, list[Any]] = {}

    def on_before_optimizer_step(self, trainer: Trainer, module: Any, optimizer: Any) -> None:
        self.by_epoch.setdefault(trainer.current_epoch, []).append(self.ask(module))


def fusion_norm(module: Any) -> float:
    grown = [parameter.grad for parameter in module.fusion.parameters()]
    return math.sqrt(sum(float(g.double().square().sum()) for g in grown if g is not None))


def test_gradient_norms_are_those_of_the_classifier_that_grew(
    fit_tasks: Fit, tmp_path: Path
) -> None:
    expected = EachStep(fusion_norm)
    fit_tasks(expected, FactorTracker())
    table = EpochTable(tmp_path / "toy" / "a" / "factors.csv", ())
    found = [float(r["value"]) for r in table.rows() if r["name"] == "gradient_norm/fusion"]
    norms = [norm for values in expected.by_epoch.values() for norm in values]
    assert found == pytest.approx(norms, rel=1e-5)
    assert min(norms) > 0


def test_a_ramp_of_learning_rates_begins_anew_with_each_task(fit_tasks: Fit) -> None:
    callback = MSLR("smooth", {"audio": 0.2}, ramp_epochs=2)
    seen = EachStep(lambda _: callback.factors["scale_audio"])
    fit_tasks(callback, seen, **JOINT)
    first = [values[-1] for values in seen.by_epoch.values()]
    assert first == pytest.approx([1.0, 0.6, 0.2] * 3)


def test_learning_rates_follow_the_accuracies_of_the_task_alone(fit_tasks: Fit) -> None:
    callback = MSLR("dynamic", {"audio": 2.0}, window=1, evidence="training")
    seen = EachStep(lambda _: callback.factors["scale_audio"])
    fit_tasks(callback, seen, **JOINT)
    scales = [values[-1] for values in seen.by_epoch.values()]
    known = [callback.accuracies[epoch]["audio"] for epoch in range(9)]
    ratios = [b / a if a else 1.0 for a, b in zip(known[::3], known[1::3], strict=True)]
    assert scales == pytest.approx([s for ratio in ratios for s in (2.0, 2.0, 2.0 * ratio)])
    assert any(ratio != 1.0 for ratio in ratios)


def test_the_window_of_a_loss_modulation_ends_in_each_task(fit_tasks: Fit) -> None:
    callback = LossAdjustment(end_epoch=0, after_end="drop_unimodal")
    heads = EachStep(
        lambda module: sum(
            0.0 if p.grad is None else float(p.grad.abs().sum())
            for p in module.fusion.heads.parameters()
        )
    )
    fit_tasks(callback, heads, **JOINT)
    trained = [min(values) > 0 for values in heads.by_epoch.values()]
    assert trained == [True, False, False] * 3


@pytest.mark.parametrize(
    ("callback", "reason"),
    [
        (PMR(), "PMR compares the prototypes of all classes"),
        (LFM(schedule="learnable"), "LFM.schedule: learnable keeps one held-out batch"),
    ],
)
def test_what_needs_all_classes_from_the_start_is_refused(
    fit_tasks: Fit, callback: Callback, reason: str
) -> None:
    with pytest.raises(UserError, match=f"{reason}, but ContinualModule learns its classes task"):
        fit_tasks(callback, **JOINT)
