"""Train on DEVICES ranks whose samples lack different modalities; write weights and losses.

Called by test_absence_ddp.py: `python absence_ddp.py DEVICES DIRECTORY NETWORK`. On two ranks the
first has no audio at all in its second batch, so that an encoder runs on one rank alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from lightning import LightningDataModule
from torch.optim import SGD
from torch.utils.data import DataLoader
from toy_training import rank_trainer, write_record

sys.path.insert(0, str(Path(__file__).parent))
from every_network import LONGEST, NETWORKS, WIDTHS, clips

from snn_mm.contracts import Batch
from snn_mm.modules import SentimentModule
from snn_mm.modules.sentiment.absence import without_absent

SAMPLES = 6
MASKS: list[dict[str, list[int]]] = [
    {"audio": [1, 0, 1, 1, 1, 0], "visual": [1, 1, 1, 0, 1, 1]},
    {"audio": [0, 0, 0, 1, 0, 1], "text": [1, 1, 1, 1, 0, 1]},
    {},
]


def batch(step: int) -> Batch:
    """Six samples; the first half is that of the first rank."""
    inputs, lengths = clips()
    inputs = {name: x[:SAMPLES].roll(step, 0) for name, x in inputs.items()}
    lengths = {name: n[:SAMPLES].roll(step, 0) for name, n in lengths.items()}
    present = {name: torch.tensor(mask).bool() for name, mask in MASKS[step].items()}
    inputs, lengths = without_absent(inputs, lengths, present, WIDTHS)
    scores = torch.linspace(-1, 1, SAMPLES, dtype=torch.float64)
    made: Batch = {
        "inputs": inputs,
        "lengths": lengths,
        "target": scores,
        "unimodal_target": {name: scores.roll(i) for i, name in enumerate(WIDTHS)},
        "id": list(map(str, range(SAMPLES))),
    }
    return {**made, "present": present} if present else made


def share(whole: Any, rows: slice) -> Any:
    """The part of a batch that is a rank's."""
    if isinstance(whole, dict):
        return {name: share(part, rows) for name, part in whole.items()}
    return whole[rows]


class Shares(LightningDataModule):
    """Three batches, each shared between the ranks."""

    lacks_modalities = True

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of this rank."""
        parts = {1: [slice(None)], 2: [slice(0, 3), slice(3, None)]}[self.trainer.world_size]
        own = [share(batch(i), parts[self.trainer.global_rank]) for i in range(len(MASKS))]
        return DataLoader(own, batch_size=None)  # type: ignore[arg-type]


def main(devices: int, directory: Path, name: str) -> None:
    """Train, and write."""
    torch.manual_seed(0)
    module = SentimentModule(
        lambda *_: NETWORKS[name](), WIDTHS, LONGEST, optimizer=lambda p: SGD(p, lr=0.05)
    ).double()
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    trainer = rank_trainer(devices, precision="64-true")
    trainer.fit(module, datamodule=Shares())
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    weights = {name: value.tolist() for name, value in module.state_dict().items()}
    write_record(directory, devices, {"weights": weights, "logged": logged})


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
