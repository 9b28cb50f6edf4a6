"""Every shipped modulation on the device: the same factors and weights as on the CPU."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch

import snn_mm.callbacks
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
from snn_mm.contracts import Batch
from snn_mm.fusion import SCMRL
from snn_mm.modules import TAAFModule

CASES: dict[str, Callable[[], Modulation]] = {
    "agm": AGM,
    "agm_benchmark": lambda: AGM(form="benchmark"),
    "iemf": IEMF,
    "iemf_rate": lambda: IEMF(update="learning_rate", scope="module"),
    "lfm": LFM,
    "lfm_learnable": lambda: LFM(schedule="learnable", alpha_rate=0.1),
    "mslr": lambda: MSLR(window=1),
    "mslr_keep": lambda: MSLR("keep", {"a": 0.5}),
    "ogm": OGM,
    "ogm_cosine": lambda: OGM(params="all", score="cosine"),
    "pmr": PMR,
    "pmr_released": lambda: PMR(form="released", evidence="last_step"),
    "loss_adjustment": LossAdjustment,
    "loss_adjustment_validation": lambda: LossAdjustment(level="validation"),
    "semantic_alignment": SemanticAlignment,
}
NOISY: dict[str, Callable[[], Modulation]] = {
    "iemf_ge": lambda: IEMF(grad_noise="ge"),
    "ogm_ge": OGMGE,
}
Train = Callable[[str, torch.device], "Trained"]
Trained = tuple[dict[str, float], list[torch.Tensor]]


@pytest.fixture
def train(make_module: Any, make_trainer: Any, make_loader: Any, batches: list[Batch]) -> Train:
    """Return factors and weights after two epochs in float64, on the CPU."""

    def run(name: str, on: torch.device) -> Trained:
        aligned = {"fusion": SCMRL, "kind": TAAFModule, "width": 8}
        options = aligned if name == "semantic_alignment" else {"parameter_groups": {"fusion": {}}}
        module, callback = make_module(**options).double(), {**CASES, **NOISY}[name]()
        data = make_loader(batches, torch.float64)
        make_trainer(on, callback).fit(module, data, data)
        return callback.factors, [p.detach().cpu() for p in module.parameters()]

    return run


def test_all_that_are_shipped_are_here() -> None:
    shipped = {
        kind
        for kind in vars(snn_mm.callbacks).values()
        if inspect.isclass(kind) and issubclass(kind, Modulation) and not inspect.isabstract(kind)
    } - {snn_mm.callbacks.ModalityDropout}  # it changes no gradient: it says who is absent
    assert {type(make()) for make in [*CASES.values(), *NOISY.values()]} == shipped


@pytest.mark.parametrize("name", CASES)
def test_it_does_on_the_device_what_it_does_on_the_cpu(
    name: str, device: torch.device, train: Train
) -> None:
    factors, weights = train(name, device)
    expected, reference = train(name, torch.device("cpu"))
    assert expected
    assert factors == pytest.approx(expected, rel=1e-6)
    torch.testing.assert_close(weights, reference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", NOISY)
def test_noise_is_drawn_on_the_device_and_twice_the_same(
    name: str, device: torch.device, train: Train
) -> None:
    first, second = train(name, device), train(name, device)
    assert first[0] == pytest.approx(second[0], rel=1e-6)
    torch.testing.assert_close(first[1], second[1], rtol=1e-6, atol=1e-9)
