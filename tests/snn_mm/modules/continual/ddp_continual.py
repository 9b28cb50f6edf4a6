"""Train a sequence of tasks on DEVICES ranks; write matrix and weights.

Called by test_continual_ddp.py: `python ddp_continual.py DEVICES DIRECTORY`. Ranks share the
batches, so that two ranks with four samples each see what one process sees with eight.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import CLASSES, EPOCHS, PER_TASK, Blobs, Linear
from torch.optim import SGD
from toy_training import rank_trainer, weights_of, write_record

from datamodules.base import LoaderOptions
from snn_mm.callbacks import IEMF
from snn_mm.modules import ContinualModule
from snn_mm.modules.continual.methods import SSIL


def train(devices: int, directory: Path) -> None:
    torch.manual_seed(0)
    module = ContinualModule(
        CLASSES,
        PER_TASK,
        {"audio": Linear(), "visual": Linear()},
        method=SSIL(),
        joint_weight=1.0,
        joint_end_epoch=1,
        optimizer=partial(SGD, lr=0.1),
    )
    trainer = rank_trainer(
        devices,
        IEMF(end_epoch=1),
        max_epochs=EPOCHS * CLASSES // PER_TASK,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=True,
        default_root_dir=directory / str(devices),
    )
    data = Blobs(
        classes_per_task=PER_TASK,
        epochs_per_task=EPOCHS,
        memory=12,
        exemplar_batch=4 // devices,
        loader=LoaderOptions(batch_size=8 // devices),
    )
    trainer.fit(module, data)
    rows = [row[: task + 1] for task, row in enumerate(module.matrix)]
    write_record(directory, devices, {"matrix": rows, "weights": weights_of(module)})


if __name__ == "__main__":
    train(int(sys.argv[1]), Path(sys.argv[2]))
