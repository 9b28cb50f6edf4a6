"""ξ of validation and test, against an independent computation."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from lightning import LightningModule, Trainer
from torch.utils.data import DataLoader

from snn_mm.callbacks import IEMF
from snn_mm.callbacks.recording.coefficient_monitor import CoefficientMonitor
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.modules import IEMFModule

MakeTrainer = Callable[..., Trainer]


def expected_xi(module: IEMFModule, loader: DataLoader[Batch], gamma: float) -> float:
    """Eqs 7 to 10 over all samples of the loader, in float64."""
    total = {"a": 0.0, "b": 0.0, "fused": 0.0}
    module.eval()
    with torch.no_grad():
        for batch in loader:
            output = module(batch["inputs"])
            logits = {**output.unimodal, "fused": output.fused}
            for name, value in logits.items():
                p = value.mean(0).double().softmax(-1)
                total[name] += sum(float(p[i, y]) for i, y in enumerate(batch["target"]))
    ratio = (total["a"] + total["b"]) / 2 / total["fused"]
    return gamma * (1 + math.tanh(1 - ratio))


@pytest.mark.parametrize(("callbacks", "gamma"), [((IEMF(gamma=2.0),), 2.0), ((), 1.0)])
def test_xi_is_that_of_the_whole_set_with_the_gamma_of_the_update(
    callbacks: tuple[IEMF, ...],
    gamma: float,
    spiking_module: IEMFModule,
    make_trainer: MakeTrainer,
    loader: DataLoader[Batch],
) -> None:
    trainer = make_trainer(CoefficientMonitor(), *callbacks, max_epochs=1)
    trainer.fit(spiking_module, loader, loader)
    logged = trainer.callback_metrics["val/xi"].item()
    assert logged == pytest.approx(expected_xi(spiking_module, loader, gamma), rel=1e-5)


def test_xi_of_the_test_set_is_logged_too(
    spiking_module: IEMFModule, make_trainer: MakeTrainer, loader: DataLoader[Batch]
) -> None:
    (metrics,) = make_trainer(CoefficientMonitor()).test(spiking_module, loader, verbose=False)
    assert metrics["test/xi"] == pytest.approx(expected_xi(spiking_module, loader, 1.0), rel=1e-5)


def test_a_module_that_leaves_no_logits_is_refused(make_trainer: MakeTrainer) -> None:
    with pytest.raises(UserError, match="leaves no `step`"):
        CoefficientMonitor().on_validation_start(make_trainer(), LightningModule())
