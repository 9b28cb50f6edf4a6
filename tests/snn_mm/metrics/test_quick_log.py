from __future__ import annotations

from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.loggers.logger import DummyLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy
from toy_training import quiet_trainer

from snn_mm.metrics.quick_log import quick_log

Rows = list[dict[str, float]]


class Notes(DummyLogger):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Rows = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None, **_: Any) -> None:
        self.rows.append({**metrics, "step": float(step or 0)})


class Logs(LightningModule):
    """Logs what modules and modulations log, one way or the other."""

    def __init__(self, quick: bool) -> None:
        super().__init__()
        self.layer, self.quick = nn.Linear(3, 2), quick
        self.train_accuracy, self.val_accuracy = (
            MulticlassAccuracy(2, average="micro") for _ in range(2)
        )
        self.seen: list[dict[str, float]] = []
        self.calls = 0

    def log(self, *args: Any, **kwargs: Any) -> None:
        self.calls += 1
        super().log(*args, **kwargs)

    def note(self, name: str, value: Any, **options: Any) -> None:
        quick_log(self, name, value, **options) if self.quick else self.log(name, value, **options)

    def shared_step(self, x: Tensor, stage: str) -> Tensor:
        y, target = self.layer(x), (x[:, 0] > 0).long()
        accuracy = getattr(self, f"{stage}_accuracy")
        accuracy.update(y, target)
        loss = nn.functional.cross_entropy(y, target)
        whole: dict[str, Any] = {"on_step": False, "on_epoch": True}
        self.note(f"{stage}/accuracy", accuracy, batch_size=len(x), **whole)
        self.note(f"{stage}/loss", loss, batch_size=float(len(x)), sync_dist=True, **whole)
        self.note(f"{stage}/half", loss.bfloat16(), batch_size=float(len(x)), **whole)
        return loss

    def training_step(self, x: Tensor, batch_idx: int) -> Tensor:
        return self.shared_step(x, "train")

    def validation_step(self, x: Tensor, batch_idx: int) -> None:
        self.shared_step(x, "val")

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        self.note("xi", self.layer.weight.sum().item(), on_step=True, on_epoch=True, batch_size=1)

    def on_train_batch_end(self, *_: Any) -> None:
        self.seen.append({k: float(v) for k, v in self.trainer.callback_metrics.items()})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = (5, 4, 5, 5, 2, 3, 1)
    return [torch.randn(size, 3, generator=generator) for size in sizes]


def train(module: Logs, epochs: int, **options: Any) -> tuple[Rows, Rows]:
    notes = Notes()
    data: Any = DataLoader(batches(), batch_size=None)  # type: ignore[arg-type]
    quiet = dict.fromkeys(("enable_progress_bar", "enable_checkpointing"), False)
    trainer = Trainer(
        accelerator="cpu", logger=notes, max_epochs=epochs, log_every_n_steps=2,
        enable_model_summary=False, **quiet, **options,
    )  # fmt: skip
    trainer.fit(module, data, data)
    trainer.validate(module, data, verbose=False)
    return notes.rows, module.seen


def both(**options: Any) -> tuple[list[Logs], list[Any]]:
    modules, found = [], []
    for quick in (False, True):
        torch.manual_seed(0)
        modules.append(Logs(quick))
        found.append(train(modules[-1], 3, **options))
    return modules, found


@pytest.mark.parametrize(
    "options", [{}, {"accumulate_grad_batches": 3}, {"val_check_interval": 2}, {"max_steps": 9}]
)
def test_the_numbers_are_those_of_lightning_to_the_last_digit(options: dict[str, int]) -> None:
    _, ((expected, each), (found, each_found)) = both(**options)
    assert found == expected
    assert each_found == each  # what callbacks see after every step
    assert {"train/loss", "val/loss", "train/accuracy", "xi_epoch"} <= set().union(*found)


def test_lightning_is_asked_once_an_epoch_for_each_name() -> None:
    (slow, quick), _ = both(num_sanity_val_steps=0)
    names, epochs, validations = 4, 3, 4  # the last by itself
    assert quick.calls == names * epochs + 3 * validations
    assert slow.calls == (names * epochs + 3 * validations) * len(batches())


def test_after_an_interrupted_epoch_they_are_those_of_lightning_too() -> None:
    rows = []
    for quick in (False, True):
        torch.manual_seed(0)
        module = Logs(quick)
        interrupted = quiet_trainer(limit_val_batches=0)  # fmt: skip
        cut: Any = [*batches()[:2], "no tensor"]
        with pytest.raises(TypeError):
            interrupted.fit(module, DataLoader(cut, batch_size=None))
        rows.append(train(module, 1)[0])
    assert rows[0] == rows[1]


def test_without_a_trainer_it_is_lightning_that_warns() -> None:
    with pytest.warns(UserWarning, match="is not registered"):
        quick_log(Logs(quick=True), "loss", torch.ones(()), batch_size=1)
