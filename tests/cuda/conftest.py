"""What must hold on a GPU: run there by `benchmarks/gpu.sh`, and on the CPU where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.optim import SGD
from torch.utils.data import DataLoader

from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet
from snn_mm.fusion import Concat, FusionFactory
from snn_mm.modules import IEMFModule


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cuda)


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The first GPU; the CPU where there is none."""
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    """Seeds, and convolutions in whole float32, which a GPU would round to ten bits."""
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.cudnn, "allow_tf32", False)
        patch.setattr(torch.backends.cudnn, "deterministic", True)
        before = torch.are_deterministic_algorithms_enabled()
        yield
        torch.use_deterministic_algorithms(before)  # a trainer may have asked for them


Make = Callable[..., Any]


@pytest.fixture
def make_module() -> Make:
    """Two spiking encoders and a fusion; float64 makes its numbers equal on every device."""

    def make(fusion: FusionFactory = Concat, kind: type[IEMFModule] = IEMFModule, **options: Any):  # noqa: ANN202
        torch.manual_seed(0)
        encoders = {
            name: ConvNet(1, time_steps=2, channels=(4,), feature_dim=6) for name in ("a", "b")
        }
        arguments = {
            "fusion": fusion,
            "num_classes": 3,
            "optimizer": partial(SGD, lr=0.1),
            **options,
        }
        return kind(encoders, **arguments)

    return make


@pytest.fixture
def batches() -> list[Batch]:
    """Two batches of different sizes."""
    generator = torch.Generator().manual_seed(1)
    return [
        Batch(
            inputs={name: torch.randn(n, 1, 8, 8, generator=generator) for name in ("a", "b")},
            target=torch.arange(n) % 3,
            id=["x"] * n,
        )
        for n in (6, 4)
    ]


@pytest.fixture
def make_trainer(tmp_path: Path) -> Make:
    """Make quiet trainers on one device, by its type."""

    def make(on: torch.device, *callbacks: Callback, **options: Any) -> Trainer:
        quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
        return Trainer(
            accelerator="gpu" if on.type == "cuda" else "cpu",
            devices=1,
            default_root_dir=tmp_path,
            callbacks=list(callbacks),
            **{"max_epochs": 2, **dict.fromkeys(quiet, False), **options},
        )

    return make


@pytest.fixture
def make_loader() -> Make:
    """Make what gives batches, in some type."""

    def make(batches: list[Batch], dtype: torch.dtype = torch.float32, **options: Any) -> Any:
        cast = [
            Batch(
                inputs={name: x.to(dtype) for name, x in batch["inputs"].items()},
                target=batch["target"],
                id=batch["id"],
            )
            for batch in batches
        ]
        return DataLoader(cast, batch_size=None, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def half(device: torch.device) -> Callable[[float], MixedPrecision]:
    """Make float16 with a gradient scaler of that first scale, on a CPU too."""

    def make(scale: float) -> MixedPrecision:
        scaler = torch.amp.GradScaler(device.type, init_scale=scale)
        return MixedPrecision("16-mixed", device.type, scaler=scaler)

    return make
