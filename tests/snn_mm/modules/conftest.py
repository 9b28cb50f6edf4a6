"""A sequence of tasks small enough to train in a test: blobs that two linear encoders see."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import SGD

from datamodules.base import LoaderOptions, SplitName
from datamodules.incremental import IncrementalDataModule
from datamodules.split import Split
from snn_mm.callbacks.recording.last_checkpoint import LastCheckpoint
from snn_mm.callbacks.reproducibility import EpochSeed
from snn_mm.encoders.base import Encoder
from snn_mm.modules import ContinualModule
from snn_mm.run.directory import RunDirectory

sys.path.insert(0, str(Path(__file__).parent))  # makes task_watching importable

CLASSES, PER_TASK, EPOCHS = 6, 2, 3


class Blobs(IncrementalDataModule):
    """Each class is a cloud around its own corner, seen by two modalities with noise."""

    modalities = ("audio", "visual")
    class_names = tuple("abcdef")

    def load_split(self, name: SplitName) -> Split:
        generator = torch.Generator().manual_seed(len(name))
        labels = torch.arange(CLASSES).repeat(8)
        centres = nn.functional.one_hot(labels, CLASSES).float()
        arrays = {
            modality: (3 * centres + torch.randn(centres.shape, generator=generator)).numpy()
            for modality in self.modalities
        }
        ids = [f"{name}{index}" for index in range(len(labels))]
        return Split.aligned(arrays, labels.numpy(), ids)


class Linear(Encoder):
    """`[N, C]` to `[1, N, D]`."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 5, 1
        self.linear = nn.Linear(CLASSES, 5)

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.linear(x).tanh().unsqueeze(0)  # [1, N, D]
        return features


class StopAfter(Callback):
    """Tells the trainer to stop after some epochs; None never does."""

    def __init__(self, epochs: int | None) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch + 1 == self.epochs:
            trainer.should_stop = True


@pytest.fixture
def make_continual() -> Callable[..., ContinualModule]:
    def make(**options: Any) -> ContinualModule:
        torch.manual_seed(0)
        encoders: dict[str, Encoder] = {"audio": Linear(), "visual": Linear()}
        settings = {"optimizer": partial(SGD, lr=0.3, momentum=0.9), **options}
        return ContinualModule(CLASSES, PER_TASK, encoders, **settings)

    return make


@pytest.fixture
def make_blobs() -> Callable[..., Blobs]:
    def make(**options: Any) -> Blobs:
        settings = {"classes_per_task": PER_TASK, "epochs_per_task": EPOCHS, **options}
        return Blobs(**settings, loader=LoaderOptions(batch_size=8))

    return make


@pytest.fixture
def fit_tasks(
    make_continual: Callable[..., ContinualModule], make_blobs: Callable[..., Blobs], tmp_path: Path
) -> Callable[..., ContinualModule]:
    """Train over the sequence, from where the run's last checkpoint is if there is one.

    With `epochs` the training stops after so many, in the middle of the sequence.
    """

    def fit(
        *callbacks: Callback,
        run: str = "a",
        epochs: int | None = None,
        save_every_steps: int | None = None,
        data: dict[str, Any] | None = None,
        trainer: dict[str, Any] | None = None,
        **options: Any,
    ) -> ContinualModule:
        directory = RunDirectory(tmp_path / "toy" / run)
        directory.create()
        module = make_continual(**options)
        settings: dict[str, Any] = {"max_epochs": CLASSES // PER_TASK * EPOCHS, "logger": False}
        settings["enable_checkpointing"] = False
        last = LastCheckpoint(directory, every_steps=save_every_steps)
        resumed = directory.last if directory.last.is_file() else None
        Trainer(
            accelerator="cpu",
            reload_dataloaders_every_n_epochs=1,
            default_root_dir=directory.path,
            callbacks=[last, EpochSeed(0), *callbacks, StopAfter(epochs)],
            enable_progress_bar=False,
            enable_model_summary=False,
            **{**settings, **(trainer or {})},
        ).fit(module, make_blobs(**(data or {})), ckpt_path=resumed, weights_only=True)
        return module

    return fit
