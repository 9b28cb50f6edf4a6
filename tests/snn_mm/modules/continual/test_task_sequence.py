"""How a sequence of tasks begins, goes on and ends, whatever is learned in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer
from task_watching import Stop
from torch import Tensor

from snn_mm.callbacks import IEMF
from snn_mm.callbacks.recording.best_checkpoint import BestCheckpoint
from snn_mm.errors import UserError
from snn_mm.modules import ContinualModule
from snn_mm.modules.continual.methods import Joint, LwF
from snn_mm.modules.continual.selection import BestOfTask
from snn_mm.modules.continual.task_sequence import SELECTION

Fit = Callable[..., ContinualModule]


@pytest.mark.parametrize("epochs", [8, 10])
def test_a_training_that_is_not_all_tasks_long_is_refused(fit_tasks: Fit, epochs: int) -> None:
    with pytest.raises(
        UserError, match=rf"max_epochs is {epochs}, but 3 tasks of 3.*\naccepted: 9"
    ):
        fit_tasks(trainer={"max_epochs": epochs})


@pytest.mark.parametrize(("monitor", "mode"), [("val/accuracy/fused", "max"), (SELECTION, "min")])
def test_a_best_checkpoint_that_is_not_of_the_last_task_is_refused(
    fit_tasks: Fit, monitor: str, mode: Any
) -> None:
    with pytest.raises(UserError, match=r"checkpoint\.monitor is .*\naccepted: val/selection"):
        fit_tasks(BestCheckpoint(monitor, mode), trainer={"enable_checkpointing": True})


def test_a_joint_training_may_start_anew_in_each_task(fit_tasks: Fit) -> None:
    first: dict[int, Tensor] = {}

    class Look(Callback):
        def on_train_batch_start(self, trainer: Trainer, module: Any, *_: Any) -> None:
            value = module.encoders["audio"].linear.weight.detach().clone()
            first.setdefault(module.task, value)

    fit_tasks(Look(), data={"protocol": "joint"}, method=Joint(start="anew"))
    assert torch.equal(first[0], first[1])
    assert torch.equal(first[0], first[2])


def test_a_task_may_end_with_its_last_weights(
    fit_tasks: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `select: last` hands on is the last epoch's weights, also where others were better."""
    starts: list[Tensor] = []
    ends: list[Tensor] = []

    class Look(Callback):
        def on_train_batch_start(self, trainer: Trainer, module: Any, _: Any, index: int) -> None:
            if index == 0 and module.modulation_epoch == 0:
                starts.append(module.encoders["audio"].linear.weight.detach().clone())

        def on_validation_end(self, trainer: Trainer, module: Any) -> None:
            if not trainer.sanity_checking and module.modulation_epoch == 2:
                ends.append(module.encoders["audio"].linear.weight.detach().clone())

    offer = BestOfTask.offer
    falling = lambda best, _, module: offer(best, -module.current_epoch, module)  # noqa: E731
    monkeypatch.setattr(BestOfTask, "offer", falling)  # the first epoch of a task would be its best
    module = fit_tasks(Look(), select="last", method=LwF())
    assert all(torch.equal(a, b) for a, b in zip(starts[1:], ends[:-1], strict=True))
    assert float(module.trainer.callback_metrics[SELECTION]) == 8.0
    assert module.best.weights is None


def test_a_kept_factor_is_the_same_after_a_resume_and_gone_in_the_next_task(
    fit_tasks: Fit,
) -> None:
    """In bfloat16; the run is killed in the second task, in the epoch after the window."""

    class Rates(Callback):
        def __init__(self) -> None:
            self.seen: dict[int, list[float]] = {}

        def on_before_optimizer_step(self, trainer: Trainer, module: Any, optimizer: Any) -> None:
            rates = self.seen.setdefault(trainer.current_epoch, [])
            rates.append(optimizer.param_groups[-1]["lr"])

    def fit(run: str, *stop: Callback) -> tuple[ContinualModule, dict[int, list[float]]]:
        iemf = IEMF(start_epoch=1, end_epoch=1, update="learning_rate", after_window="keep")
        rates, options = Rates(), {"parameter_groups": {"fusion": {}}, "joint_weight": 1.0}
        half = {"precision": "bf16-mixed"}
        return fit_tasks(iemf, rates, *stop, run=run, trainer=half, **options), rates.seen

    whole, rates = fit("whole")
    with pytest.raises(InterruptedError):
        fit("killed", Stop(5))
    resumed, again = fit("killed")
    assert again == {epoch: rates[epoch] for epoch in range(5, 9)}
    for task in range(3):
        before, inside, after = (rates[3 * task + epoch] for epoch in range(3))
        assert set(before) == {0.3}
        assert set(after) == {inside[-1]}
        assert inside[-1] != 0.3
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[key], value, rtol=0, atol=0)
