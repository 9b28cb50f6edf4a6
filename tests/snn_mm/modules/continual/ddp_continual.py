"""Train a sequence of tasks on DEVICES ranks; write matrix and weights.

Called by test_continual_ddp.py: `python ddp_continual.py DEVICES DIRECTORY`. Ranks share the
batches, so that two ranks with four samples each see what one process sees with eight.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from functools import partial
from pathlib import Path

import torch
from conftest import CLASSES, EPOCHS, PER_TASK, Blobs, Linear
from lightning import Trainer
from torch.optim import SGD

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
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        max_epochs=EPOCHS * CLASSES // PER_TASK,
        reload_dataloaders_every_n_epochs=1,
        logger=False,
        callbacks=[IEMF(end_epoch=1)],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
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
    weights = torch.cat([p.detach().double().flatten() for p in module.parameters()]).tolist()
    rows = [row[: task + 1] for task, row in enumerate(module.matrix)]
    rank = os.environ.get("LOCAL_RANK", "0")
    record = json.dumps({"matrix": rows, "weights": weights})
    (directory / f"{devices}-{rank}.json").write_text(record)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    train(int(sys.argv[1]), Path(sys.argv[2]))
