"""Classes of one's own with one mistake each."""

from __future__ import annotations

import torch
from lightning import Callback
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader
from toy_experiment import ToyData, ToyDataset, ToyEncoder

from snn_mm.encoders.base import Encoder


class WrongInFeatures(ToyEncoder):
    """Expects inputs of another width."""

    def __init__(self) -> None:
        super().__init__()
        self.layers[0] = nn.Linear(5, 6)

    def forward(self, x: Tensor) -> Tensor:
        """Encode `[N, 4]`."""
        return torch.stack([self.layers(x), self.layers(x)])


class Misspelt(ToyEncoder):
    """Reads an attribute that it never set."""

    def __init__(self) -> None:
        super().__init__()
        self.width = self.widht


class NoFeatureDim(ToyEncoder):
    """Does not say how wide its features are."""

    def __init__(self) -> None:
        super().__init__()
        del self.feature_dim


class NoTime(ToyEncoder):
    """Gives `[N, D]`."""

    def forward(self, x: Tensor) -> Tensor:
        """Encode `[N, 4]`."""
        return super().forward(x)[0]


class NoForward(Encoder):
    """Forgot what it is for."""


class NeedsExtra(CSVLogger):
    """Needs a package that nobody has."""

    def __init__(self) -> None:
        raise ModuleNotFoundError("Requirement 'nobody>=1.0' not met")


class NeedsExtraLater(Callback):
    """Needs it when training begins."""

    def setup(self, *_: object, **__: object) -> None:
        """Fail as Lightning's DeviceStatsMonitor does."""
        raise ModuleNotFoundError("`nobody` is not installed")


class Labels(ToyData):
    """Labels as a list."""

    def _loader(self, seed: int, shuffle: bool = False) -> DataLoader[dict[str, object]]:
        def collate(samples: list[dict[str, object]]) -> dict[str, object]:
            whole = torch.utils.data.default_collate(samples)
            return {**whole, "target": whole["target"].tolist()}

        return DataLoader(ToyDataset(seed, bad=False), batch_size=8, collate_fn=collate)
