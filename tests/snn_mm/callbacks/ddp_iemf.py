"""Train a tiny IEMF network on DEVICES ranks and write each rank's coefficient and weights.

Called by test_iemf.py: `python ddp_iemf.py DEVICES DIRECTORY`. Ranks share the batches, so that
two ranks with two samples each see what one process sees with four.
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
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from snn_mm.callbacks import IEMF
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule

SIZE, EPOCHS = 16, 3


class Samples(Dataset[dict[str, object]]):
    """Random two-modality samples in float64."""

    def __len__(self) -> int:
        return SIZE

    def __getitem__(self, index: int) -> dict[str, object]:
        generator = torch.Generator().manual_seed(index)
        inputs = {
            name: torch.randn(3, generator=generator, dtype=torch.float64)
            for name in ("audio", "visual")
        }
        return {"inputs": inputs, "target": index % 3, "id": str(index)}


class Linear(Encoder):
    """One linear layer; no batch norm, so that splitting a batch changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 4, 1
        self.linear = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unsqueeze(0)  # [1, N, D]


def main(devices: int, directory: Path) -> None:
    torch.manual_seed(0)
    encoders: dict[str, Encoder] = {"audio": Linear(), "visual": Linear()}
    module = IEMFModule(encoders, Concat, 3, optimizer=partial(SGD, lr=0.1)).double()
    callback = IEMF(grad_noise="ge", seed=3)
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        max_epochs=EPOCHS,
        accumulate_grad_batches=2,
        logger=False,
        callbacks=[callback],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=directory,
    )
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    sampler = DistributedSampler(Samples(), devices, rank, shuffle=False)  # Lightning's shuffles
    trainer.fit(module, DataLoader(Samples(), batch_size=4 // devices, sampler=sampler))
    weights = torch.cat([p.detach().flatten() for p in module.parameters()]).tolist()
    record = {"xi": callback.factors["xi"], "weights": weights}
    path = directory / f"{devices}-{trainer.global_rank}.json"
    path.write_text(json.dumps(record))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
