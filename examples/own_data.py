"""A data set of one's own: arrays in files. Run it with own_data.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from datamodules import MultimodalDataModule
from datamodules.base import SPLITS, Inputs, SplitName
from datamodules.split import Split


class Stripes(MultimodalDataModule):
    """Stripes of two widths, heard across and seen along, in `<root>/stripes/<split>.npz`."""

    modalities = ("audio", "visual")
    class_names = ("wide", "narrow")
    inputs: ClassVar[Inputs] = {"audio": {"in_channels": 1}, "visual": {"in_channels": 1}}

    def prepare_data(self) -> None:
        """Make what is missing; one process of a node calls it, before anything is loaded."""
        folder = Path(self.root) / "stripes"
        folder.mkdir(parents=True, exist_ok=True)
        for seed, name in enumerate(SPLITS):
            if not (folder / f"{name}.npz").is_file():
                rng = np.random.default_rng(seed)
                label = rng.integers(0, 2, 256)
                wave = np.sin(np.arange(8) * (1 + label[:, None]))  # [n, 8]
                image = wave[:, None, None] + rng.normal(0, 2, (256, 1, 8, 8))  # [n, C, H, W]
                other = wave[:, None, :, None] + rng.normal(0, 2, (256, 1, 8, 8))
                np.savez(folder / f"{name}.npz", audio=image, visual=other, label=label)

    def load_split(self, name: SplitName) -> Split:
        """Open `train`, `val` or `test`; loaders, order and checks are the base class's."""
        data = np.load(Path(self.root) / "stripes" / f"{name}.npz")
        ids = [f"{name}{row}" for row in range(len(data["label"]))]
        return Split.aligned({m: data[m] for m in self.modalities}, data["label"], ids)
