"""Every module, fusion and modulation, and samples that lack a modality to train them on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule
from torch import Tensor
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm import fusion as fusions
from snn_mm.callbacks import (
    AGM,
    IEMF,
    LFM,
    MSLR,
    OGM,
    OGMGE,
    PMR,
    LossAdjustment,
    Modulation,
    SemanticAlignment,
)
from snn_mm.callbacks.modulation.modality_dropout import ModalityDropout
from snn_mm.contracts import Batch
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import Fusion, FusionFactory
from snn_mm.modules import IEMFModule, MultimodalModule, TAAFModule
from snn_mm.neurons import TAAFLIF, SpikingProjection

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

CLASSES = 3
DIMS = {"audio": 4, "visual": 5, "touch": 3}
TWO = ("audio", "visual")


class Spiking(Encoder):
    """Batch norm and neurons over two time steps: both would know of a sample that is absent."""

    def __init__(self, inputs: int, time_steps: int = 2, neuron: Any = TAAFLIF) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 8, time_steps
        self.projection = SpikingProjection(inputs, 8, neuron)

    def forward(self, x: Tensor) -> Tensor:
        steps = [x * (1 + t) for t in range(self.time_steps)]
        features: Tensor = self.projection(torch.stack(steps))  # [T, N, D]
        return features


def encoders(names: Iterable[str] = DIMS, **options: Any) -> dict[str, Encoder]:
    return {name: Spiking(DIMS[name], **options) for name in names}


def fusion_of(name: str, **options: Any) -> FusionFactory:
    """The fusion of a name from the manifest, which must take the options of `Fusion` alone."""
    kind: type[Fusion] = getattr(fusions, name)
    return partial(kind, **options)


MODULES: dict[str, Callable[..., MultimodalModule]] = {
    "IEMFModule": lambda fusion, names=DIMS, **o: IEMFModule(encoders(names), fusion, CLASSES, **o),
    "TAAFModule": lambda fusion, names=DIMS, **o: TAAFModule(
        encoders(names), CLASSES, fusion, width=8, attention_on="both", **o
    ),
}

MODULATIONS: dict[str, list[Callable[[], Modulation]]] = {
    "AGM": [AGM, lambda: AGM(form="benchmark")],
    "IEMF": [lambda: IEMF(grad_noise="ge", seed=1)],
    "LFM": [
        LFM,
        lambda: LFM(form="iemf"),
        lambda: LFM(over="pairs"),
        lambda: LFM(schedule="learnable", alpha_rate=0.1),
    ],
    "LossAdjustment": [LossAdjustment, lambda: LossAdjustment(alpha="attention")],
    "MSLR": [lambda: MSLR(window=1, evidence="training"), lambda: MSLR(window=1)],
    "ModalityDropout": [
        lambda: ModalityDropout(seed=1),
        lambda: ModalityDropout(per="batch", seed=1),
    ],
    "OGM": [lambda: OGM(params="all"), lambda: OGM(params="all", score="cosine")],
    "OGMGE": [lambda: OGMGE(params="all", seed=1)],
    "PMR": [PMR, lambda: PMR(evidence="last_step", form="released")],
    "SemanticAlignment": [SemanticAlignment],
}


def masks(names: Iterable[str], size: int = 8) -> dict[str, Tensor]:
    """Who is there: audio lacks two samples, visual another two, and touch half of them."""
    rows = torch.arange(size)
    known = {"audio": rows % 4 != 1, "visual": rows % 4 != 2, "touch": rows % 2 == 0}
    return {name: known[name] for name in names}


def make_batches(names: Iterable[str] = DIMS, size: int = 8) -> list[Batch]:
    """Mixed, audio in none, everything there, mixed otherwise; absent inputs have values."""
    names, found = list(names), []
    generator = torch.Generator().manual_seed(0)
    present = [masks(names, size), {"audio": torch.zeros(size, dtype=torch.bool)}, None]
    present.append({"visual": torch.arange(size) > 2})
    for there in present:
        inputs = {
            n: torch.randn(size, DIMS[n], generator=generator, dtype=torch.float64) for n in names
        }
        target = torch.arange(size) % CLASSES
        batch: Batch = {"inputs": inputs, "target": target, "id": [f"s{i}" for i in range(size)]}
        found.append({**batch, "present": there} if there is not None else batch)
    return found


def filled(batch: Batch, value: float) -> Batch:
    """The same batch with a value in place of what is absent."""
    present = batch.get("present", {})
    inputs = {
        name: x.masked_fill(~present[name].unsqueeze(-1), value) if name in present else x
        for name, x in batch["inputs"].items()
    }
    return {**batch, "inputs": inputs}


def never_loaded(batch: Batch) -> Batch:
    """The same batch with zeros in place of what is absent, and without what all lack."""
    present = batch.get("present", {})
    some = {n: x for n, x in filled(batch, 0.0)["inputs"].items() if present.get(n, x).any()}
    return {**batch, "inputs": some}


def train(
    make: Callable[[], LightningModule],
    batches: list[Batch],
    callbacks: Iterable[Callback],
    folder: Path,
    dtype: torch.dtype = torch.float64,
    **options: Any,
) -> dict[str, Any]:
    """Weights, buffers, optimizer state, factors and metrics of two epochs."""
    torch.manual_seed(0)
    module, callbacks = make().to(dtype), list(callbacks)
    loader: Any = DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
    trainer = quiet_trainer(
        *callbacks, default_root_dir=folder, num_sanity_val_steps=0, **{"max_epochs": 2, **options}
    )
    trainer.fit(module, loader, loader)
    optimizer: Optimizer = trainer.optimizers[0]
    held = (state.get("momentum_buffer") for state in optimizer.state.values())
    momentum = [buffer for buffer in held if buffer is not None]
    return {
        "weights": dict(module.state_dict()),
        "momentum": momentum,
        "factors": [c.factors for c in callbacks if isinstance(c, Modulation)],
        "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
    }


def sgd(parameters: Any) -> Optimizer:
    return SGD(parameters, lr=0.05, momentum=0.9, weight_decay=0.01)


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal to 0.0, and finite."""
    assert one["factors"] == other["factors"]
    assert one["metrics"] == other["metrics"]
    assert all(value == value for value in one["metrics"].values()), one["metrics"]
    assert one["weights"].keys() == other["weights"].keys()
    for name, value in one["weights"].items():
        assert value.isfinite().all(), name
        assert torch.equal(value, other["weights"][name]), name
    for a, b in zip(one["momentum"], other["momentum"], strict=True):
        assert torch.equal(a, b)
