from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from lightning import LightningModule, Trainer
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.callbacks import LossModulation
from snn_mm.contracts import Batch, LossTerms, StepOutput
from snn_mm.modules import IEMFModule


class Double(LossModulation):
    """Doubles every summand and remembers which it saw."""

    name = "double"

    def rewrite_terms(self, terms: LossTerms, step: StepOutput, epoch: int) -> LossTerms:
        self.seen = {**getattr(self, "seen", {}), epoch: list(terms)}
        self.factors = {"factor": 2.0}
        return {name: 2 * term for name, term in terms.items()}


def losses(
    module: IEMFModule, batch: Batch, path: Path, epochs: int, *callbacks: LossModulation
) -> dict[str, float]:
    loader = DataLoader([batch], batch_size=None)  # type: ignore[arg-type]
    trainer = quiet_trainer(*callbacks, max_epochs=epochs, default_root_dir=path)
    trainer.fit(module, loader, loader)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def test_training_loss_is_rewritten_and_validation_loss_is_not(
    make_module: Callable[..., IEMFModule], make_batch: Callable[[int], Batch], tmp_path: Path
) -> None:
    plain, doubled = (
        losses(make_module(optimizer=Frozen), make_batch(4), tmp_path, 1, *callbacks)
        for callbacks in ((), (Double(),))
        if torch.manual_seed(0)
    )
    assert doubled["train/loss"] == 2 * plain["train/loss"]
    assert doubled["val/loss"] == plain["val/loss"]
    assert doubled["double/factor"] == 2.0


def test_summands_are_logged_as_they_are_before_modulations(
    make_module: Callable[..., IEMFModule], make_batch: Callable[[int], Batch], tmp_path: Path
) -> None:
    module = make_module(optimizer=Frozen, joint_weight=0.5)
    logged = losses(module, make_batch(4), tmp_path, 1, Double())
    batch = make_batch(4)
    output = module(batch["inputs"])
    terms = module.loss_terms(output, module.readout(output), batch["target"])
    for name, term in terms.items():
        assert logged[f"train/loss/{name}"] == pytest.approx(term.item())
    assert logged["train/loss"] == pytest.approx(2 * sum(terms.values()).item())


def test_loss_is_rewritten_within_the_window_alone_and_the_module_is_left_after_the_fit(
    make_module: Callable[..., IEMFModule], make_batch: Callable[[int], Batch], tmp_path: Path
) -> None:
    module, callback = make_module(), Double(start_epoch=1, end_epoch=2)
    losses(module, make_batch(4), tmp_path, 4, callback)
    assert callback.seen == {epoch: ["fused", "audio", "visual"] for epoch in (1, 2)}
    assert module.loss_modulations == []


class Frozen(torch.optim.SGD):
    """Leaves the weights as they are."""

    def __init__(self, parameters: object) -> None:
        super().__init__(parameters, lr=0.0)


def test_a_copy_of_a_module_in_training_does_not_take_the_trainer_along(
    make_module: Callable[..., IEMFModule], make_batch: Callable[[int], Batch], tmp_path: Path
) -> None:
    copies: list[IEMFModule] = []

    class Copy(Double):
        def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
            super().setup(trainer, pl_module, stage)
            trainer.untouchable = (step for step in ())  # type: ignore[attr-defined]
            copies.append(deepcopy(pl_module))

    losses(make_module(optimizer=Frozen), make_batch(4), tmp_path, 1, Copy())
    (copied,) = copies[0].loss_modulations
    assert copied._trainer is None
