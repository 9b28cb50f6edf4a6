"""Callbacks whose settings change when a run goes on."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    StochasticWeightAveraging,
    Timer,
)

from snn_mm import callbacks
from snn_mm.callbacks.modulation.base import Modulation
from snn_mm.callbacks.recording.last_checkpoint import LastCheckpoint
from snn_mm.commands.resuming.callbacks import merged_callbacks
from snn_mm.commands.resuming.merge import ConflictError

MODULATIONS = [
    kind
    for kind in vars(callbacks).values()
    if inspect.isclass(kind) and issubclass(kind, Modulation) and not inspect.isabstract(kind)
]


def stopping(**options: Any) -> EarlyStopping:
    return EarlyStopping(**{"monitor": "val/loss", "patience": 2, **options})


def state_of(callback: Callback, **trained: Any) -> dict[str, Any]:
    return {callback.state_key: {**callback.state_dict(), **trained}}


def test_patience_is_in_force_and_the_best_score_kept() -> None:
    saved = state_of(stopping(), wait_count=2, best_score=torch.tensor(0.25))
    new = stopping(patience=5)
    states = merged_callbacks([stopping()], [new], saved)
    new.load_state_dict(states[new.state_key])
    assert (new.patience, new.wait_count, new.best_score) == (5, 2, 0.25)


def test_a_run_that_had_been_stopped_goes_on_under_other_callbacks() -> None:
    last = {LastCheckpoint.__qualname__: {"should_stop": True}}
    states = merged_callbacks(
        [stopping()], [stopping(patience=5)], {**state_of(stopping()), **last}
    )
    assert states[LastCheckpoint.__qualname__] == {"should_stop": False}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (stopping(), stopping(monitor="val/accuracy/fused")),
        (ModelCheckpoint(monitor="a"), ModelCheckpoint(monitor="b")),
        (ModelCheckpoint(every_n_epochs=1), ModelCheckpoint(every_n_epochs=2)),
    ],
)
def test_the_best_of_something_else_is_refused(old: Callback, new: Callback) -> None:
    with pytest.raises(ConflictError, match=type(new).__name__):
        merged_callbacks([old], [new], state_of(old))


def test_settings_of_an_object_that_a_state_holds_are_refused() -> None:
    old, new = (StochasticWeightAveraging(swa_lrs=rate) for rate in (0.1, 0.2))
    with pytest.raises(ConflictError, match="StochasticWeightAveraging"):
        merged_callbacks([old], [new], state_of(old, scheduler_state={"swa_lr": 0.1}))
    merged_callbacks([old], [new], state_of(old))  # averaging has not begun


def test_what_is_no_setting_of_a_state_is_as_saved() -> None:
    old, new = (Timer(duration=f"00:00:0{hours}:00") for hours in (1, 2))
    saved = state_of(old, time_elapsed={"train": 7.0})
    assert merged_callbacks([old], [new], saved) == saved


@pytest.mark.parametrize("kind", MODULATIONS, ids=lambda kind: kind.__name__)
def test_what_a_modulation_has_gathered_is_kept_in_another_window(kind: type[Modulation]) -> None:
    options = {"scales": {"audio": 0.5}} if kind.__name__ == "MSLR" else {}
    old, new = (kind(**options, end_epoch=end) for end in (3, 9))
    fresh = old.state_dict()
    trained = {key: trained_value(value) for key, value in copy.deepcopy(fresh).items()}
    states = merged_callbacks([old], [new], {old.state_key: trained})
    assert states[new.state_key] == trained


def trained_value(value: Any) -> Any:
    return {"a": 1.0} if isinstance(value, dict) else 3


def test_of_two_callbacks_of_a_class_each_has_its_own_state() -> None:
    old = [stopping(), stopping(monitor="train/loss")]
    new = [stopping(), stopping(monitor="train/loss", patience=9)]
    saved = {**state_of(old[0], wait_count=1), **state_of(old[1], wait_count=2)}
    states = merged_callbacks(old, new, saved)
    found = [
        (states[each.state_key]["wait_count"], states[each.state_key]["patience"]) for each in new
    ]
    assert found == [(1, 2), (2, 9)]
