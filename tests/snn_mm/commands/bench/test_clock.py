"""Every second of a step belongs to one part."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from snn_mm.commands.bench.clock import (
    BACKWARD,
    CALLBACKS,
    DATA,
    FORWARD,
    OPTIMIZER,
    OTHER,
    PARTS,
    StepClock,
    part_of,
)


def ticking() -> Callable[[], float]:
    """A clock on which a second passes at each look."""
    return map(float, count()).__next__


def test_an_action_inside_another_is_not_counted_twice() -> None:
    clock = StepClock(ticking())
    with clock.profile("[LightningModule]M.optimizer_step"):
        with clock.profile("[Strategy]S.training_step"):
            pass
        with clock.profile("[Strategy]S.backward"), clock.profile("[Callback]IEMF.on_x"):
            pass
    lap = clock.lap()
    assert {lap[OTHER], lap[FORWARD], lap[CALLBACKS]} == {2.0, 1.0}
    assert (lap[OPTIMIZER], lap[BACKWARD], lap[DATA]) == (3.0, 2.0, 0.0)
    assert lap["step"] == sum(lap[part] for part in PARTS) == 9.0


def test_what_the_measurement_takes_is_no_part_of_a_step() -> None:
    clock = StepClock(ticking())
    clock.start("[Callback]StepBench.on_train_batch_end")
    assert clock.lap()["step"] == 1.0
    assert clock.lap()["step"] == 0.0


@pytest.mark.parametrize(
    ("action", "part"),
    [
        ("[_TrainingEpochLoop].train_dataloader_next", DATA),
        ("[Strategy]SingleDeviceStrategy.batch_to_device", DATA),
        ("[LightningModule]IEMFModule.configure_gradient_clipping", OPTIMIZER),
        ("[Callback]IEMF.on_before_optimizer_step", CALLBACKS),
        ("run_training_batch", OTHER),
    ],
)
def test_lightnings_actions_are_known(action: str, part: str) -> None:
    assert part_of(action, OTHER) == part
