"""Train on two ranks, of which the second gives NaN in its second step; write what each did.

Called by test_finite_guard.py: `python ddp_finite_guard.py 2 DIRECTORY`.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader
from toy_training import rank_trainer, weights_of, write_record

from snn_mm.callbacks.finite_guard import FiniteGuard
from snn_mm.errors import UserError

KINDS = ("gradient", "loss")


class Net(LightningModule):
    """A line; on rank 1 in step 2 its loss is NaN, with a gradient or without."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kind, self.line = kind, nn.Linear(2, 1)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        loss: Tensor = self.line(batch["x"]).square().mean()
        if self.global_rank == 1 and batch_idx == 1:
            return loss * torch.nan if self.kind == "gradient" else loss + torch.nan
        return loss

    def configure_optimizers(self) -> Any:
        return partial(SGD, lr=0.1)(self.parameters())


def train(kind: str, guard: FiniteGuard, directory: Path) -> Net:
    module = Net(kind)
    batches = [{"x": torch.full((2, 2), float(i)), "id": [f"{i}a", f"{i}b"]} for i in range(4)]
    trainer = rank_trainer(2, guard, default_root_dir=directory)
    trainer.fit(module, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    return module


def main(devices: int, directory: Path) -> None:
    record: dict[str, Any] = {}
    for kind in KINDS:
        guard = FiniteGuard("skip")
        module = train(kind, guard, directory)
        record[kind] = {"skipped": guard.skipped, "weights": weights_of(module)}
    for kind in KINDS:
        try:
            train(kind, FiniteGuard(), directory)
        except UserError as error:
            record[kind]["stop"] = str(error)
    write_record(directory, devices, record)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
