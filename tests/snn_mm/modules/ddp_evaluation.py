"""Validate in a training, then test, on DEVICES ranks; write the metrics of each rank.

Called by test_evaluation_ddp.py: `python ddp_evaluation.py DEVICES DIRECTORY`. Five samples in
batches of one: of two ranks one has three batches and the other two, none of which has sound. The
encoders give DDP buffers to send; nothing is learned, so that any number of ranks has the same
weights.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.optim import SGD
from toy_training import rank_trainer, write_record

from datamodules.base import LoaderOptions, MultimodalDataModule, SplitName
from datamodules.split import Split
from snn_mm.callbacks import (
    IEMF,
    CoefficientMonitor,
    ConfusionRecorder,
    FiringRateMonitor,
    ModalityShapley,
    SpikeMonitor,
)
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.neurons import IEMFLIF

SIZES = {"train": 8, "val": 5, "test": 5}


class Points(MultimodalDataModule):
    """Noise of three classes."""

    modalities = ("audio", "visual")
    class_names = ("a", "b", "c")

    def load_split(self, name: SplitName) -> Split:
        size, generator = SIZES[name], torch.Generator().manual_seed(len(name))
        arrays = {m: torch.randn(size, 4, generator=generator).numpy() for m in self.modalities}
        labels, ids = (torch.arange(size) % 3).numpy(), [f"{name}{index}" for index in range(size)]
        split = Split.aligned(arrays, labels, ids)
        there = {} if name == "train" else {"audio": np.arange(size) % 2 == 0}
        return replace(split, present=there)


class Scaled(Encoder):
    """`[N, C]` to spikes `[2, N, D]`, with a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 4, 2
        self.scale: Tensor
        self.register_buffer("scale", torch.full((4,), 2.0))
        self.neuron = IEMFLIF()

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.neuron((x * self.scale).expand(2, *x.shape))  # [T, N, D]
        return features


class Seen(Callback):
    """The metrics of the validations in training, and how many batches this rank had in all."""

    def __init__(self) -> None:
        self.metrics: list[dict[str, float]] = []
        self.batches = 0

    def on_validation_batch_end(self, *given: object) -> None:
        self.batches += 1

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.metrics.append(plain(trainer))


def plain(trainer: Trainer) -> dict[str, float]:
    return {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}


def main(devices: int, directory: Path) -> None:
    torch.manual_seed(0)
    encoders: dict[str, Encoder] = {"audio": Scaled(), "visual": Scaled()}
    module = IEMFModule(encoders, Concat, 3, optimizer=partial(SGD, lr=0.0))
    seen = Seen()
    options = {"use_distributed_sampler": True, "default_root_dir": directory}
    monitors = [FiringRateMonitor(), SpikeMonitor(), ConfusionRecorder(), ModalityShapley()]
    recorders = [IEMF(), CoefficientMonitor(), *monitors, seen]
    trainer = rank_trainer(devices, *recorders, max_epochs=2, num_sanity_val_steps=0, **options)
    data = Points(loader=LoaderOptions(batch_size=1))
    trainer.fit(module, data)
    trainer.test(module, data, verbose=False)
    tested = {name: value for name, value in plain(trainer).items() if name.startswith("test/")}
    validated = [{k: v for k, v in each.items() if k.startswith("val/")} for each in seen.metrics]
    record = {"validated": validated, "tested": tested, "batches": seen.batches}
    write_record(directory, devices, record)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
