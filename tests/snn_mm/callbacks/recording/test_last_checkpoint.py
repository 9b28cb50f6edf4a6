from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

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


class Order(LightningModule):
    """Notes the samples in the order in which it trains on them."""

    def __init__(self, dies_at: int | None = None) -> None:
        super().__init__()
        self.weight, self.dies_at = nn.Parameter(torch.zeros(1)), dies_at
        self.seen: list[float] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        if self.global_step == self.dies_at:
            raise KeyboardInterrupt
        self.seen += batch.tolist()
        return self.weight.sum()

    def configure_optimizers(self) -> Optimizer:
        return SGD(self.parameters(), lr=1.0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("workers", "dies_at"), [(0, 5), (2, 3), (2, 5)])
def test_a_sampler_that_knows_no_resume_is_brought_to_the_next_batch(
    tmp_path: Path, workers: int, dies_at: int
) -> None:
    """torch's own, as Lightning puts it in for several ranks: three batches an epoch."""
    data = torch.arange(12.0)

    def train(module: Order, resume: Path | None = None) -> list[float]:
        sampler: Any = DistributedSampler(data, 1, 0, shuffle=True)  # type: ignore[arg-type]
        loader = DataLoader(data, 4, sampler=sampler, num_workers=workers)  # type: ignore[arg-type,var-annotated]
        last = LastCheckpoint(RunDirectory(tmp_path / "toy" / "a"), every_steps=1)
        names = ("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "logger")
        quiet = dict.fromkeys(names, False)
        Trainer(max_epochs=3, accelerator="cpu", callbacks=[last], **quiet).fit(  # type: ignore[arg-type]
            module, loader, ckpt_path=resume, weights_only=True
        )
        return module.seen

    whole = train(Order())
    with pytest.raises(SystemExit):
        train(Order(dies_at))
    assert train(Order(), tmp_path / "toy/a/checkpoints/last.ckpt") == whole[4 * dies_at :]
