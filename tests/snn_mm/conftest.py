"""A network small enough to check by hand: linear encoders without neurons or batch norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning import LightningModule
from torch import Tensor, nn
from torchmetrics import Metric

from snn_mm.contracts import Batch
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import Concat, FusionFactory
from snn_mm.modules import IEMFModule

DIMS = {"audio": 3, "visual": 5}


class LinearEncoder(Encoder):
    """`[N, C]` to `[T, N, D]`: a linear layer, repeated over T with a growing gain."""

    def __init__(self, in_features: int, feature_dim: int = 4, time_steps: int = 2) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.time_steps = time_steps
        self.linear = nn.Linear(in_features, feature_dim)

    def forward(self, x: Tensor) -> Tensor:
        features = self.linear(x)
        return torch.stack([features * (t + 1) for t in range(self.time_steps)])  # [T, N, D]


@pytest.fixture
def no_sync_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse what Lightning would warn of on several ranks: plain numbers without `sync_dist`."""
    log = LightningModule.log

    def checked(module: LightningModule, name: str, value: Any, **options: Any) -> None:
        assert options.get("sync_dist") or isinstance(value, Metric), name
        log(module, name, value, **options)

    monkeypatch.setattr(LightningModule, "log", checked)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def make_encoders() -> Callable[[dict[str, int]], dict[str, Encoder]]:
    """Linear encoders with the given time steps by modality."""

    def make(steps: dict[str, int]) -> dict[str, Encoder]:
        return {name: LinearEncoder(DIMS[name], time_steps=count) for name, count in steps.items()}

    return make


@pytest.fixture
def make_module() -> Callable[..., IEMFModule]:
    def make(
        fusion: FusionFactory = Concat, dims: dict[str, int] = DIMS, **options: object
    ) -> IEMFModule:
        encoders: dict[str, Encoder] = {name: LinearEncoder(dim) for name, dim in dims.items()}
        return IEMFModule(encoders, fusion, num_classes=3, **options).double()

    return make


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    def make(size: int, dims: dict[str, int] = DIMS) -> Batch:
        generator = torch.Generator().manual_seed(size)
        inputs = {
            name: torch.randn(size, dim, generator=generator, dtype=torch.float64)
            for name, dim in dims.items()
        }
        target = torch.randint(3, (size,), generator=generator)
        return {"inputs": inputs, "target": target, "id": [str(i) for i in range(size)]}

    return make
