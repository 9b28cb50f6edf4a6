"""Float16 with skipped steps, resuming, transfers and counters, on the device."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback

from snn_mm.callbacks import (
    AGM,
    IEMF,
    OGMGE,
    PMR,
    EnergyEstimator,
    FactorTracker,
    FiringRateMonitor,
    LossAdjustment,
    SpikeMonitor,
)
from snn_mm.contracts import Batch
from snn_mm.errors import UserError


class Overflow(Callback):
    """Makes a gradient of one step infinite, and notes the weights and factors of every step."""

    def __init__(self, at: int, watched: list[Any]) -> None:
        self.at, self.watched = at, watched
        self.weights: list[torch.Tensor] = []
        self.factors: list[dict[str, float]] = []

    def on_train_batch_start(self, trainer: Any, module: Any, *_: Any) -> None:
        self.weights.append(self._weights(module))

    def on_after_backward(self, trainer: Any, module: Any) -> None:
        if trainer.global_step == self.at:
            next(module.parameters()).grad[0] = math.inf

    def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
        found = [(c.name, c.factors) for c in self.watched]
        self.factors.append({f"{n}/{key}": v for n, own in found for key, v in own.items()})

    def on_train_end(self, trainer: Any, module: Any) -> None:
        self.weights.append(self._weights(module))

    def _weights(self, module: Any) -> torch.Tensor:
        return torch.cat([p.detach().cpu().flatten() for p in module.parameters()])


def test_a_step_that_overflows_is_skipped_and_modulations_and_trackers_agree(
    device: torch.device,
    make_module: Any,
    make_trainer: Any,
    make_loader: Any,
    half: Any,
    batches: list[Batch],
    tmp_path: Path,
) -> None:
    modulations = [LossAdjustment(), AGM(), IEMF(update="learning_rate", scope="module")]
    overflow, plugin = Overflow(1, modulations), half(256.0)
    callbacks = [*modulations, FactorTracker(), overflow]
    module = make_module(parameter_groups={"fusion": {}})
    trainer = make_trainer(device, *callbacks, plugins=[plugin])
    trainer.fit(module, make_loader(batches))
    moved = [not torch.equal(a, b) for a, b in zip(overflow.weights, overflow.weights[1:])]
    assert moved == [True, False, True, True]
    assert plugin.scaler.get_scale() == 128.0
    assert all(torch.isfinite(weights).all() for weights in overflow.weights)
    assert all(math.isfinite(v) for step in overflow.factors for v in step.values())
    assert [group["lr"] for group in trainer.optimizers[0].param_groups] == [0.1] * 3
    with (tmp_path / "factors.csv").open() as file:
        rows = list(csv.DictReader(file))
    for step, factors in enumerate(overflow.factors):
        kept = {r["name"]: float(r["value"]) for r in rows if int(r["step"]) == step}
        assert {name: kept[name] for name in factors} == pytest.approx(factors)
        assert math.isfinite(kept["gradient_norm/a"]) == (step != 1)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_a_resumed_training_equals_the_undisturbed_one(
    precision: str,
    device: torch.device,
    make_module: Any,
    make_trainer: Any,
    make_loader: Any,
    half: Any,
    batches: list[Batch],
    tmp_path: Path,
) -> None:
    results = []
    for epochs in ([4], [2, 4]):
        path = None
        for last in epochs:
            modulations = [IEMF(), OGMGE(seed=1)]
            plugins = [half(256.0)] if precision == "16-mixed" else []
            options = {"max_epochs": last, "plugins": plugins, "deterministic": "warn"}
            trainer = make_trainer(device, *modulations, **options)
            module, data = make_module(), make_loader(batches)
            trainer.fit(module, data, ckpt_path=path, weights_only=True)
            path = tmp_path / "last.ckpt"
            trainer.save_checkpoint(path)
        state = {k: v.cpu() for k, v in module.state_dict().items()}
        results.append((state, [m.factors for m in modulations]))
    (whole, factors), (resumed, again) = results
    exact = device.type == "cpu"  # on a GPU sums may be taken in another order each time
    for name, value in whole.items():
        rounding = {"rtol": 0.0, "atol": 0.0} if exact else {"rtol": 1e-3, "atol": 1e-4}
        torch.testing.assert_close(resumed[name], value, **rounding)
    for one, other in zip(factors, again, strict=True):
        assert other == pytest.approx(one, rel=0 if exact else 1e-3)


class Arrived(Callback):
    """Keeps what came to the device, once a step has used it."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def on_train_batch_end(self, trainer: Any, module: Any, out: Any, batch: Any, *_: Any) -> None:
        self.batches.append(batch)


def test_batches_arrive_whole_from_pinned_memory(
    device: torch.device,
    make_module: Any,
    make_trainer: Any,
    make_loader: Any,
    batches: list[Batch],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, arrived, pinned = make_module(), Arrived(), []
    move = type(module).transfer_batch_to_device

    def moved(self: Any, batch: Batch, *rest: Any) -> Any:
        pinned.append(batch["inputs"]["a"].is_pinned())
        return move(self, batch, *rest)

    monkeypatch.setattr(type(module), "transfer_batch_to_device", moved)
    pins = device.type == "cuda"
    make_trainer(device, arrived, max_epochs=1).fit(module, make_loader(batches, pin_memory=pins))
    assert pinned == [pins] * 2
    for sent, batch in zip(batches, arrived.batches, strict=True):
        assert batch["target"].device == batch["inputs"]["b"].device == device
        assert torch.equal(batch["target"].cpu(), sent["target"])
        assert batch["id"] == sent["id"]
        for name, x in sent["inputs"].items():
            assert torch.equal(batch["inputs"][name].cpu(), x)


def test_counters_of_spikes_and_energy_count_on_the_device_as_on_the_cpu(
    device: torch.device,
    make_module: Any,
    make_trainer: Any,
    make_loader: Any,
    batches: list[Batch],
) -> None:
    found = []
    for on in (device, torch.device("cpu")):
        counters = [FiringRateMonitor(), SpikeMonitor(), EnergyEstimator(samples=2)]
        module, data = make_module().double(), make_loader(batches, torch.float64)
        (metrics,) = make_trainer(on, *counters).test(module, data, verbose=False)
        found.append(metrics)
    assert any("firing_rate" in name for name in found[0])
    assert any("energy" in name for name in found[0])
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_an_unknown_class_is_named_before_the_device_meets_it(
    device: torch.device,
    make_module: Any,
    make_trainer: Any,
    make_loader: Any,
    batches: list[Batch],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches[1]["target"] = batches[1]["target"].clone().fill_(99)
    module = make_module()
    with pytest.raises(UserError, match="a target has class 99"):
        make_trainer(device).fit(module, make_loader(batches))
    assert module.on_before_batch_transfer(batches[1], 0) is batches[1]  # a step looks, on a CPU
    monkeypatch.setattr(type(module), "device", torch.device("cuda"))
    with pytest.raises(UserError, match="a target has class 99"):
        module.on_before_batch_transfer(batches[1], 0)


def test_prototypes_outlive_a_step_that_overflows(
    device: torch.device,
    make_module: Any,
    make_trainer: Any,
    make_loader: Any,
    half: Any,
    batches: list[Batch],
) -> None:
    modulation, plugin, module = PMR(), half(256.0), make_module()
    spoilt = 0

    def spoil(_: Any, inputs: Any, features: torch.Tensor) -> torch.Tensor:
        nonlocal spoilt
        spoilt += module.training
        return features * math.inf if module.training and spoilt == 1 else features

    module.encoders["a"].register_forward_hook(spoil)
    two = [batches[0], *batches]  # the first of three overflows
    make_trainer(device, modulation, plugins=[plugin]).fit(module, make_loader(two))
    assert all(torch.isfinite(value).all() for value in modulation.prototypes.values())
    assert all(torch.isfinite(p).all() for p in module.parameters())
    assert plugin.scaler.get_scale() == 128.0
