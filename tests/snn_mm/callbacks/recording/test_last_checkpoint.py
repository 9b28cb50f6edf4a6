from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader

from snn_mm.callbacks.recording.last_checkpoint import (
    LastCheckpoint,
    ended_epoch,
    is_between_epochs,
)
from snn_mm.run.directory import RunDirectory


class Net(LightningModule):
    """Notes the epochs and the learning rates it trains with."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.seen: list[tuple[int, float]] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        self.seen.append((self.current_epoch, rate))
        return self.layer(batch).sum()  # type: ignore[no-any-return]

    def configure_optimizers(self) -> tuple[list[Optimizer], list[object]]:
        optimizer = SGD(self.parameters(), lr=1.0)
        return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)]


def fit(run: RunDirectory, epochs: int, resume: bool, **options: Any) -> Net:
    net = Net()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[LastCheckpoint(run)],
        enable_checkpointing=False,
        **quiet,  # type: ignore[arg-type]
        **options,
    )
    loader = DataLoader(torch.ones(2, 1))
    trainer.fit(net, loader, ckpt_path=run.last if resume else None, weights_only=True)
    return net


@pytest.mark.filterwarnings("ignore")
def test_resumed_epochs_are_whole_and_keep_the_schedule(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "toy" / "a")
    assert fit(run, 2, resume=False).seen == [(0, 1.0), (0, 1.0), (1, 0.5), (1, 0.5)]
    assert fit(run, 4, resume=True).seen == [(2, 0.25), (2, 0.25), (3, 0.125), (3, 0.125)]


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_is_over_trains_no_more(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "toy" / "a")
    fit(run, 2, resume=False)
    assert fit(run, 2, resume=True).seen == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ends", [{"max_steps": 4}, {"epochs": 2}])
def test_under_max_steps_resumed_epochs_are_whole_too(tmp_path: Path, ends: dict[str, int]) -> None:
    run = RunDirectory(tmp_path / "toy" / "a")
    fit(run, **{"epochs": 9, **ends}, resume=False)
    assert is_between_epochs(torch.load(run.last, weights_only=True))
    seen = fit(run, 9, resume=True, max_steps=8).seen
    assert seen == [(2, 0.25), (2, 0.25), (3, 0.125), (3, 0.125)]


@pytest.mark.filterwarnings("ignore")
def test_a_training_that_ended_inside_an_epoch_is_known(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "toy" / "a")
    fit(run, 9, resume=False, max_steps=3)
    state = torch.load(run.last, weights_only=True)
    assert (ended_epoch(state), is_between_epochs(state)) == (True, False)
