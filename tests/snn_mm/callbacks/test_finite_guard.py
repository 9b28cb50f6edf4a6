"""What a training does about numbers that are none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.optim import SGD
from torch.utils.data import DataLoader
from toy_training import ranks_of

from snn_mm.callbacks import IEMF
from snn_mm.callbacks.finite_guard import LOOK_EVERY, FiniteGuard
from snn_mm.callbacks.recording.best_checkpoint import BestCheckpoint
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.modules import IEMFModule

Fit = Callable[..., IEMFModule]
MakeBatch = Callable[..., Batch]
MakeTrainer = Callable[..., Trainer]
NAN = float("nan")


class Break(Callback):
    """Makes a gradient, a summand or a weight infinite or NaN at some step, counted from 1."""

    def __init__(self, what: str, *steps: int, by: float = NAN) -> None:
        self.what, self.steps, self.by = what, steps, by
        self.seen = 0

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen += 1
        parameter = next(iter(pl_module.encoders["visual"].parameters()))
        if self.what == "gradient" and self.seen in self.steps and parameter.grad is not None:
            parameter.grad[0, 0] = self.by
        if self.what == "buffer" and self.seen in self.steps and parameter.grad is not None:
            parameter.grad[0, 0] = self.by
            pl_module.get_buffer("running_mean").fill_(self.by)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if self.what == "weight" and self.seen in self.steps:
            with torch.no_grad():
                pl_module.encoders["visual"].linear.weight[0, 0] = self.by


class BrokenSummand(IEMFModule):
    """Its loss has a summand that is NaN, which reaches no weight."""

    def loss_terms(self, *args: Any) -> Any:
        return {**super().loss_terms(*args), "extra": torch.tensor(NAN, dtype=torch.float64)}


@pytest.fixture
def batches(make_batch: MakeBatch) -> list[Batch]:
    return [make_batch(size) for size in (4, 5, 6)]


def message_of(run: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        run()
    assert len(str(caught.value).splitlines()) <= 5
    return str(caught.value)


@pytest.mark.parametrize("by", [NAN, float("inf")])
def test_a_gradient_that_is_no_number_stops_and_names_step_parameter_and_batch(
    fit: Fit, batches: list[Batch], by: float
) -> None:
    message = message_of(lambda: fit(batches, Break("gradient", 2, by=by), FiniteGuard()))
    assert "step 2 (epoch 1)" in message
    assert "gradients, of 10: encoders.visual.linear.weight\n" in message
    assert "batch: 0, 1, 2, 3, 4\n" in message
    assert "the loss is" not in message


def test_a_loss_that_is_no_number_names_its_summand(
    make_encoders: Any, make_trainer: MakeTrainer, batches: list[Batch]
) -> None:
    from snn_mm.fusion import Concat

    module = BrokenSummand(make_encoders({"audio": 2, "visual": 2}), Concat, num_classes=3).double()
    loader: Any = DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
    message = message_of(lambda: make_trainer(FiniteGuard()).fit(module, loader))
    assert "the loss is nan, by its summand extra" in message
    assert "gradients" not in message


def test_a_step_that_is_left_out_leaves_no_trace(fit: Fit, batches: list[Batch]) -> None:
    guard = FiniteGuard("skip")
    with pytest.warns(UserWarning, match="step is left out"):
        skipped = fit(batches, Break("gradient", 2), guard)
    expected = fit([batches[0], batches[2]])
    assert (guard.skipped, guard.state_dict()["in_a_row"]) == (1, 0)
    for mine, other in zip(skipped.parameters(), expected.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_of_an_accumulation_all_micro_batches_are_left_out_and_named(
    fit: Fit, batches: list[Batch]
) -> None:
    options = {"accumulate_grad_batches": 3}
    message = message_of(
        lambda: fit(batches, Break("gradient", 1), FiniteGuard(), **options)  # the first of three
    )
    assert "step 1 (epoch 1)" in message
    with pytest.warns(UserWarning, match="left out"):
        kept = fit(batches, Break("gradient", 1), FiniteGuard("skip"), **options)
    start = fit([], FiniteGuard())
    assert all(map(torch.equal, kept.parameters(), start.parameters()))


def test_too_many_steps_left_out_in_a_row_stop(fit: Fit, batches: list[Batch]) -> None:
    guard = FiniteGuard("skip", max_skips=2)
    with pytest.warns(UserWarning, match="left out"):
        message = message_of(lambda: fit(batches * 2, Break("gradient", 2, 3, 4), guard))
    assert "step 4" in message
    assert "left out 2 steps before" in message


def test_a_fine_step_between_begins_the_row_anew(fit: Fit, batches: list[Batch]) -> None:
    guard = FiniteGuard("skip", max_skips=2)
    with pytest.warns(UserWarning, match="left out"):
        fit(batches * 2, Break("gradient", 1, 2, 4, 5), guard)
    assert guard.skipped == 4


def test_a_modulation_in_front_of_it_is_judged_too(fit: Fit, batches: list[Batch]) -> None:
    class Ruin(IEMF):
        def compute_factors(self, strength: dict[str, float]) -> dict[str, float]:
            return {"xi": NAN}

    message = message_of(lambda: fit(batches, Ruin(), FiniteGuard()))
    assert "gradients, of 10: fusion." in message


def test_finite_gradients_whose_squares_overflow_are_fine(fit: Fit, batches: list[Batch]) -> None:
    fit(batches, Break("gradient", 2, by=1e200), FiniteGuard(), lr=0.0)


def test_statistics_of_a_step_that_is_left_out_are_forgotten(
    make_module: Fit, make_trainer: MakeTrainer, batches: list[Batch]
) -> None:
    module = make_module(optimizer=partial(SGD, lr=0.1))
    module.register_buffer("running_mean", torch.ones(2))
    loader: Any = DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="left out"):
        make_trainer(Break("buffer", 2), FiniteGuard("skip"), max_epochs=1).fit(module, loader)
    assert module.get_buffer("running_mean").tolist() == [1.0, 1.0]


@pytest.mark.parametrize("kind", ["epoch", "save"])
def test_weights_that_are_no_numbers_are_neither_recorded_nor_saved(
    fit: Fit, batches: list[Batch], tmp_path: Path, kind: str
) -> None:
    class Save(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            if kind == "save":
                trainer.save_checkpoint(tmp_path / "kept.ckpt", weights_only=False)

    broken = Break("weight", 3 if kind == "epoch" else 1, by=float("inf"))
    message = message_of(lambda: fit(batches, broken, Save(), FiniteGuard()))
    step = 3 if kind == "epoch" else 1
    assert f"after step {step} (epoch 1) weights are not finite" in message
    assert "encoders.visual.linear.weight" in message
    assert not (tmp_path / "kept.ckpt").exists()


def test_ignored_numbers_train_on(fit: Fit, batches: list[Batch]) -> None:
    module = fit(batches, Break("gradient", 1), FiniteGuard("ignore"))
    assert not all(bool(each.isfinite().all()) for each in module.parameters())


class SlowDevice(FiniteGuard):
    """Looks as seldom as on a GPU."""

    looks = 0

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        pl_module = Elsewhere(pl_module)
        super().on_before_optimizer_step(trainer, pl_module, optimizer)

    def _look(self, *args: Any) -> None:
        self.looks += 1
        super()._look(*args)


class Elsewhere:
    """A module that says that it is on another device."""

    device = torch.device("meta")

    def __init__(self, module: LightningModule) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def test_a_gpu_is_waited_for_every_few_steps_and_the_first_broken_one_is_named(
    fit: Fit, batches: list[Batch]
) -> None:
    guard = SlowDevice()
    fit(batches * LOOK_EVERY, guard, lr=1e-9)
    assert guard.looks == 3  # the last of them for the weights at the end of the epoch
    message = message_of(lambda: fit(batches * LOOK_EVERY, Break("gradient", 5), SlowDevice()))
    assert "step 5 (epoch 1)" in message
    assert "batch: 0, 1, 2, 3, 4\n" in message
    message = message_of(lambda: fit(batches, Break("gradient", 2), SlowDevice()))  # epoch ends
    assert "step 2 (epoch 1)" in message


@pytest.fixture
def fp16() -> MixedPrecision:
    """Loss scaling as on a GPU, its autocast left out: the toy is of float64."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    plugin = MixedPrecision("16-mixed", "cpu", scaler)  # type: ignore[arg-type]
    plugin.forward_context = __import__("contextlib").nullcontext  # type: ignore[method-assign]
    return plugin


def test_steps_that_loss_scaling_leaves_out_are_no_failure(
    fit: Fit, batches: list[Batch], fp16: MixedPrecision
) -> None:
    guard = FiniteGuard()
    fit(batches, Break("gradient", 1, by=float("inf")), guard, plugins=[fp16])
    assert guard.skipped == 1
    assert fp16.scaler is not None
    assert fp16.scaler.get_scale() == 2.0**15


def test_a_row_of_steps_that_loss_scaling_leaves_out_is_one(
    fit: Fit, batches: list[Batch], fp16: MixedPrecision
) -> None:
    broken = Break("gradient", *range(1, 9), by=float("inf"))
    message = message_of(lambda: fit(batches * 3, broken, FiniteGuard(max_skips=5), plugins=[fp16]))
    assert "step 6" in message


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_score_of_nan_or_infinity_is_never_best(
    fit: Fit, batches: list[Batch], tmp_path: Path, mode: Any
) -> None:
    scores = iter([NAN, 0.5, float("inf"), float("-inf"), NAN])

    class Score(Callback):
        def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            pl_module.log("val/score", next(scores))

    best = BestCheckpoint("val/score", mode)
    best.on_fit_start = lambda *_: None  # type: ignore[method-assign]
    best.dirpath = str(tmp_path)
    options = {"max_epochs": 5, "enable_checkpointing": True, "num_sanity_val_steps": 0}
    fit(batches, Score(), best, validation=batches, lr=1e-3, **options)
    assert float(best.best_model_score or 0) == 0.5
    assert torch.load(tmp_path / "best.ckpt", weights_only=True)["epoch"] == 1


def test_weights_that_are_no_numbers_are_never_best_whatever_the_score(
    fit: Fit, batches: list[Batch], tmp_path: Path
) -> None:
    class Score(Callback):
        def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            pl_module.log("val/score", 1.0)

    best = BestCheckpoint("val/score")
    best.on_fit_start = lambda *_: None  # type: ignore[method-assign]
    best.dirpath = str(tmp_path)
    options = {"enable_checkpointing": True, "num_sanity_val_steps": 0}
    fit(batches, Break("weight", 3), Score(), best, validation=batches, **options)
    assert not (tmp_path / "best.ckpt").exists()


@pytest.mark.slow
def test_two_ranks_stop_and_leave_out_alike_when_one_of_them_breaks(tmp_path: Path) -> None:
    script = Path(__file__).with_name("ddp_finite_guard.py")
    found = ranks_of(script, tmp_path, [2])
    first, second = found["2-0"], found["2-1"]
    assert first == second
    for kind in ("gradient", "loss"):
        assert first[kind]["stop"].startswith("rank 1: step 2 (epoch 1)" if kind == "loss" else "")
        assert "step 2 (epoch 1)" in first[kind]["stop"]
        assert first[kind]["skipped"] == 1
        assert all(abs(weight) < 1e9 for weight in first[kind]["weights"])
