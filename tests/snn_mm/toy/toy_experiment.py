"""A model and data small enough to train in a second, with everything that could break a resume.

Shuffled data, dropout, a schedule, a modulation and batch norm.
"""

from __future__ import annotations

import os
import signal
import sys
from copy import deepcopy
from typing import Any

import torch
from lightning import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from snn_mm.cli import main
from snn_mm.contracts import Batch
from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.neurons import IEMFLIF, NeuronFactory


class ToyEncoder(Encoder):
    """A linear layer with dropout: `[N, D]` to `[T, N, D]`."""

    def __init__(self, width: int = 6, dropout: float = 0.2) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = width, 2
        layers = (nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Encode `[N, 4]` to `[T, N, D]`."""
        return torch.stack([self.layers(x), self.layers(x)])


class ToySpikes(Encoder):
    """A linear layer and neurons, which may be any: `[N, D]` to `[T, N, D]`."""

    def __init__(self, neuron: NeuronFactory = IEMFLIF, time_steps: int = 2) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 6, time_steps
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6))
        self.neuron = neuron()

    def forward(self, x: Tensor) -> Tensor:
        """Encode `[N, 4]` to `[T, N, D]`."""
        current = self.layers(x)  # [N, D]
        spikes: Tensor = self.neuron(current.expand(self.time_steps, *current.shape))
        return spikes


class ToyData(LightningDataModule):
    """Two modalities of random numbers whose sign says the class."""

    modalities = ("audio", "visual")
    num_classes = 2
    class_names = ("minus", "plus")

    def __init__(
        self,
        root: str = "anywhere",
        batch_size: int = 8,
        num_workers: int = 0,
        bad: bool = False,
        drop_last: bool = False,
    ) -> None:
        super().__init__()
        if root == "missing":
            raise UserError("data.root: no directory 'missing'")
        self.batch_size, self.num_workers, self.bad = batch_size, num_workers, bad
        self.drop_last = drop_last

    def fingerprint(self) -> str:
        """A constant: the data are made up."""
        return "toy"

    def _loader(self, seed: int, shuffle: bool = False) -> DataLoader[Batch]:
        data = ToyDataset(seed, self.bad)
        return DataLoader(
            data,
            batch_size=self.batch_size,
            shuffle=shuffle,
            num_workers=self.num_workers,
            drop_last=shuffle and self.drop_last,
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled."""
        return self._loader(0, shuffle=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """In order."""
        return self._loader(1)

    def test_dataloader(self) -> DataLoader[Batch]:
        """In order."""
        return self._loader(2)

    predict_dataloader = test_dataloader


class ToyDataset(Dataset[Batch]):
    """Samples that are made anew, with noise from the global generator, whenever they are read."""

    def __init__(self, seed: int, bad: bool) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.target = torch.randint(2, (40,), generator=generator)
        self.clean = torch.randn(40, 4, generator=generator) + self.target[:, None] * 2 - 1
        self.bad = bad

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, index: int) -> Batch:
        if self.bad and index == 3:
            raise UserError("clip 'three.wav' is corrupt")
        noisy = {name: self.clean[index] + torch.randn(4) for name in ToyData.modalities}
        return {"inputs": noisy, "target": self.target[index], "id": f"sample {index}"}


class KillAt(Callback):
    """Kill the process at a point of training, as a machine that fails would.

    `TOY_KILL=on_train_batch_start:7:SIGKILL` names a callback hook, which call of it, counted from
    one, and the signal; without the variable nothing happens.
    """

    def __init__(self) -> None:
        moment, count, signal_name = os.environ.get("TOY_KILL", ":0:SIGKILL").split(":")
        self.moment, self.count, self.seen = moment, int(count), 0
        self.signal = getattr(signal, signal_name)

    def _strike(self, trainer: Trainer, module: LightningModule, *arguments: object) -> None:
        self.seen += not trainer.sanity_checking
        if self.seen == self.count:
            os.kill(os.getpid(), self.signal)

    def __getattribute__(self, name: str) -> object:
        get = super().__getattribute__
        return get("_strike") if name.startswith("on_") and name == get("moment") else get(name)


def run_and_die(argv: list[str], kill: str) -> None:
    """What a process does that is going to be killed (see `KillAt`)."""
    os.environ["TOY_KILL"] = kill
    signal.signal(signal.SIGINT, signal.default_int_handler)  # `nohup` and `&` hand down SIG_IGN
    sys.exit(main(argv))


class CopyAll(Callback):
    """Copy module and trainer after a training step and in the test."""

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: object) -> None:
        """Copy, with what the step left behind."""
        self._copy(trainer, module)

    def on_test_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Copy, while the run directory is taken."""
        self._copy(trainer, module)

    def _copy(self, trainer: Trainer, module: LightningModule) -> None:
        copied: Any = deepcopy(module)
        for name, value in module.state_dict().items():
            torch.testing.assert_close(copied.state_dict()[name], value)
        deepcopy(trainer)
