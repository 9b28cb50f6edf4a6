"""Train a tiny TAAF network on DEVICES ranks with batches of unequal size; write the weights.

Called by test_loss_adjustment.py: `python ddp_short_batch.py DEVICES DIRECTORY`. On two ranks the
first has 4 samples a step and then 4, the second 4 and then 1; one process sees their union.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path

import torch
from lightning import Trainer
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from snn_mm.callbacks import LossAdjustment
from snn_mm.contracts import Batch
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import FusionFactory
from snn_mm.modules import TAAFModule
from snn_mm.modules.taaf.module import shared_concat

SHARES = [[range(4), range(4, 8)], [range(8, 12), range(12, 13)]]
"""Samples by step and rank."""


class Steps(Encoder):
    """One linear layer with a growing gain over time; no batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 4, 3
        self.linear = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.linear(x) * (t + 1) for t in range(3)])  # [T, N, D]


def make_batch(samples: list[int]) -> Batch:
    generators = [torch.Generator().manual_seed(i) for i in samples]
    inputs = {
        name: torch.stack([torch.randn(3, generator=g, dtype=torch.float64) for g in generators])
        for name in ("audio", "visual")
    }
    target = torch.tensor([i % 3 for i in samples])
    return {"inputs": inputs, "target": target, "id": [str(i) for i in samples]}


def main(devices: int, directory: Path) -> None:
    torch.manual_seed(0)
    fusion: FusionFactory = shared_concat
    encoders: dict[str, Encoder] = {"audio": Steps(), "visual": Steps()}
    optimizer = partial(SGD, lr=0.5)
    module = TAAFModule(encoders, 3, fusion, width=None, optimizer=optimizer).double()
    callback = LossAdjustment()
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        max_epochs=2,
        logger=False,
        use_distributed_sampler=False,
        callbacks=[callback],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=directory,
    )
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    own = [step if devices == 1 else [step[rank]] for step in SHARES]
    batches = [make_batch([i for share in shares for i in share]) for shares in own]
    trainer.fit(module, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    weights = torch.cat([p.detach().flatten() for p in module.parameters()]).tolist()
    record = {"factors": callback.factors, "weights": weights}
    (directory / f"{devices}-{trainer.global_rank}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
