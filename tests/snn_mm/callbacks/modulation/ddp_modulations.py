"""Train a tiny network with each modulation on DEVICES ranks; write factors and weights.

Called by test_ddp.py: `python ddp_modulations.py DEVICES DIRECTORY`. Ranks share the batches, so
that two ranks together see what one process sees. Shares of the ranks and micro-batches of a step
are of unequal size: a mean of means is not the mean over all samples.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.optim import SGD, Adam
from torch.utils.data import DataLoader, Dataset
from toy_training import LinearEncoder, own_rank, rank_trainer, weights_of, write_record

from snn_mm.callbacks import (
    AGM,
    IEMF,
    LFM,
    MSLR,
    OGMGE,
    PMR,
    LossAdjustment,
    ModalityDropout,
    Modulation,
)
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule

SIZE, EPOCHS = 16, 3
SHARES = [((0, 4), (4, 5)), ((5, 6), (6, 8)), ((8, 12), (12, 13)), ((13, 14), (14, 16))]
"""First sample and the one after the last, by micro-batch and rank; two micro-batches a step."""

CASES: dict[str, list[Modulation]] = {
    "iemf": [IEMF(grad_noise="ge", seed=3)],
    "ogm_ge": [OGMGE(params="all", seed=3), IEMF()],
    "mslr": [MSLR(window=1, evidence="training")],
    "agm": [AGM()],
    "lfm": [LFM()],
    "lfm_learnable": [LFM(schedule="learnable", alpha_rate=0.1)],
    "pmr": [PMR()],
    "pmr_last_step": [PMR(evidence="last_step")],
    "no_joint": [IEMF()],
    "no_joint_lfm_window": [LFM(start_epoch=1, end_epoch=1)],
    "modality_dropout": [ModalityDropout(0.4, seed=3)],
    "modality_dropout_iemf": [ModalityDropout(0.4, per="batch", seed=3), IEMF()],
    "loss_adjustment": [LossAdjustment()],
    "dropped": [LossAdjustment(end_epoch=1, after_end="drop_unimodal")],
}


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


def make_module(case: str) -> IEMFModule:
    torch.manual_seed(0)
    encoders: dict[str, Encoder] = {name: LinearEncoder(3, 4, 1) for name in ("audio", "visual")}
    weight = 0.0 if case.startswith("no_joint") else 1.0
    # Adam would move what has a gradient of zero.
    decays = weight == 0.0 or case == "dropped"
    adam, sgd = partial(Adam, lr=0.02, weight_decay=0.1), partial(SGD, lr=0.1)
    return IEMFModule(encoders, Concat, 3, weight, optimizer=adam if decays else sgd).double()


def train(case: str, devices: int, directory: Path) -> dict[str, Any]:
    module, callbacks = make_module(case), CASES[case]
    options = {"num_sanity_val_steps": 0, "default_root_dir": directory}
    trainer = rank_trainer(
        devices, *callbacks, max_epochs=EPOCHS, accumulate_grad_batches=2, **options
    )
    own = [[shares[own_rank()]] if devices > 1 else shares for shares in SHARES]
    batches = [[i for share in shares for i in range(*share)] for shares in own]
    loader = DataLoader(Samples(), batch_sampler=batches)
    trainer.fit(module, loader, DataLoader(Samples(), batch_size=8))
    factors = [callback.factors for callback in callbacks]
    return {
        "factors": factors,
        "weights": weights_of(module),
        "heads": weights_of(module.fusion.heads),
    }


def main(devices: int, directory: Path) -> None:
    records = {case: train(case, devices, directory) for case in CASES}
    records["start"] = {"heads": weights_of(make_module("no_joint").fusion.heads)}
    write_record(directory, devices, records)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
