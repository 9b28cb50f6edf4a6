"""Train with modalities that some samples lack, others on each rank; write factors and weights.

Called by test_ddp_presence.py: `python ddp_presence.py DEVICES DIRECTORY`. Two ranks together see
what one process sees: in one step a rank has no sound at all, in another one rank lacks nothing.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.optim import SGD
from torch.utils.data import DataLoader
from toy_training import LinearEncoder, own_rank, rank_trainer, weights_of, write_record

from snn_mm.callbacks import AGM, IEMF, LFM, OGM, PMR, LossAdjustment, Modulation
from snn_mm.contracts import Batch
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import FusionFactory, Sum
from snn_mm.modules import IEMFModule, TAAFModule

STEPS = [((0, 4), (4, 7)), ((7, 9), (9, 15)), ((15, 18), (18, 20))]
"""First sample and the one after the last, by step and rank."""

LACK = {"audio": {1, 4, 7, 8, 10, 15}, "visual": {2, 5, 9, 16}}
"""Who lacks what: in the second step the first rank has no sound, in the third the second all."""

CASES: dict[str, list[Modulation]] = {
    "plain": [],
    "iemf": [IEMF()],
    "ogm": [OGM(params="all")],
    "agm": [AGM()],
    "lfm": [LFM()],
    "pmr": [PMR()],
    "loss_adjustment": [LossAdjustment()],
    "attention": [LossAdjustment(alpha="attention")],
    "class_weights": [LFM(), PMR()],
    "class_weights_in_time": [LossAdjustment()],
}


def make_batch(samples: list[int]) -> Batch:
    """Random inputs; NaN where there is nothing, and no `present` where all is there."""
    generators = {i: torch.Generator().manual_seed(i) for i in samples}
    inputs, present = {}, {}
    for name, lacking in LACK.items():
        rows = {i: torch.randn(3, generator=g, dtype=torch.float64) for i, g in generators.items()}
        inputs[name] = torch.stack([x * torch.nan if i in lacking else x for i, x in rows.items()])
        if lacking & set(samples):
            present[name] = torch.tensor([i not in lacking for i in samples])
    target = torch.tensor([i % 3 for i in samples])
    batch: Batch = {"inputs": inputs, "target": target, "id": [str(i) for i in samples]}
    return {**batch, "present": present} if present else batch


def train(case: str, devices: int, directory: Path) -> dict[str, Any]:
    torch.manual_seed(0)
    fusion: FusionFactory = partial(Sum, unimodal="shared")
    encoders: dict[str, Encoder] = {name: LinearEncoder(3, 4, 3) for name in LACK}
    options: Any = {"optimizer": partial(SGD, lr=0.2, momentum=0.9)}
    if case.startswith("class_weights"):
        options["class_weights"] = {"0": 3.0, "2": 0.25}
    if case in ("attention", "loss_adjustment", "class_weights_in_time"):
        module: Any = TAAFModule(encoders, 3, fusion, width=None, **options)
    else:
        module = IEMFModule(encoders, Sum, 3, **options)
    callbacks = CASES[case]
    options = {"strategy": "ddp_find_unused_parameters_true", "default_root_dir": directory}
    trainer = rank_trainer(devices, *callbacks, max_epochs=3, **options)
    own = [[shares[own_rank()]] if devices > 1 else shares for shares in STEPS]
    batches = [make_batch([i for share in shares for i in range(*share)]) for shares in own]
    loader: Any = DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
    trainer.fit(module.double(), loader)
    metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
    return {
        "factors": [c.factors for c in callbacks],
        "weights": weights_of(module),
        "metrics": metrics,
    }


if __name__ == "__main__":
    ranks, folder = int(sys.argv[1]), Path(sys.argv[2])
    write_record(folder, ranks, {case: train(case, ranks, folder) for case in CASES})
