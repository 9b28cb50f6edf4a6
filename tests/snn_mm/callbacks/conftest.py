"""What the tests of trackers train: two small encoders whose spikes a loop can count."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet, Encoder
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule

MakeTrainer = Callable[..., Trainer]
Fit = Callable[..., IEMFModule]
Weights = dict[str, Tensor]
SIZES = (4, 2, 3)


def make_batches(sizes: tuple[int, ...] = SIZES) -> list[Batch]:
    generator = torch.Generator().manual_seed(1)
    return [
        Batch(
            inputs={
                "a": torch.randn(n, 1, 8, 8, generator=generator),
                "b": torch.randn(n, 1, 8, 8, generator=generator),
            },
            target=torch.arange(n) % 2,
            id=["x"] * n,
        )
        for n in sizes
    ]


@pytest.fixture
def loader() -> DataLoader[Batch]:
    """Batches of different sizes."""
    return DataLoader(make_batches(), batch_size=None)  # type: ignore[arg-type]


@pytest.fixture
def spiking_module() -> IEMFModule:
    """Return modality a, spiking, and b, its ANN twin with the same time axis as a at T = 1."""
    torch.manual_seed(0)
    encoders: dict[str, Encoder] = {
        "a": ConvNet(1, time_steps=1, channels=(4,), feature_dim=5),
        "b": ConvNet(1, neuron=nn.ReLU, time_steps=1, channels=(4,), feature_dim=5),
    }
    return IEMFModule(encoders, Concat, num_classes=2, optimizer=partial(SGD, lr=0.1))


@pytest.fixture
def make_trainer(tmp_path: Path) -> MakeTrainer:
    """Make quiet trainers, by default of two epochs, in one run directory."""

    def make(*callbacks: Callback, **options: Any) -> Trainer:
        return quiet_trainer(
            *callbacks, **{"max_epochs": 2, "default_root_dir": tmp_path, **options}
        )

    return make


@pytest.fixture
def fit(make_module: Fit, make_trainer: MakeTrainer) -> Fit:
    """Train one epoch from the same start; rate 1 makes updates equal gradients."""

    def run(
        batches: list[Batch],
        *callbacks: Callback,
        validation: list[Batch] | None = None,
        dtype: torch.dtype = torch.float64,
        lr: float = 1.0,
        module: dict[str, Any] | None = None,
        resume: Path | None = None,
        **options: Any,
    ) -> IEMFModule:
        torch.manual_seed(0)
        made = make_module(**(module or {}), optimizer=partial(SGD, lr=lr)).to(dtype)
        loaders: list[Any] = [
            part and DataLoader(part, batch_size=None)  # type: ignore[arg-type]
            for part in (batches, validation)
        ]
        make_trainer(*callbacks, **{"max_epochs": 1, **options}).fit(
            made, *loaders, ckpt_path=resume, weights_only=True
        )
        return made

    return run


@pytest.fixture
def updates(make_module: Fit) -> Callable[[IEMFModule], Weights]:
    """Return how far each parameter is from where `fit` started, by name."""

    def differences(module: IEMFModule, **options: Any) -> Weights:
        torch.manual_seed(0)
        start = dict(make_module(**options).named_parameters())
        return {k: (v - start[k]).detach() for k, v in module.named_parameters()}

    return differences


@pytest.fixture
def micro_batches() -> Callable[[Batch, int], list[Batch]]:
    """Cut a batch into micro-batches of some size."""

    def cut(batch: Batch, size: int) -> list[Batch]:
        return [
            {
                "inputs": {k: v[i : i + size] for k, v in batch["inputs"].items()},
                "target": batch["target"][i : i + size],
                "id": batch["id"][i : i + size],
            }
            for i in range(0, len(batch["id"]), size)
        ]

    return cut
