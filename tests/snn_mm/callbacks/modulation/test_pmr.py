from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from snn_mm.callbacks import PMR
from snn_mm.contracts import FUSED, Batch, FusionOutput, StepOutput
from snn_mm.errors import UserError
from snn_mm.modules import IEMFModule

MakeBatch = Callable[..., Batch]
Array = np.ndarray[Any, Any]


def step_of(features: dict[str, torch.Tensor], target: torch.Tensor) -> StepOutput:
    return StepOutput(FusionOutput(torch.empty(0), {}, features), {}, target)


def features_of(module: IEMFModule, batch: Batch) -> dict[str, Array]:
    """Features `[N, D]`, the mean over time."""
    return {k: v.detach().mean(0).numpy() for k, v in module.encode(batch["inputs"]).items()}


def class_means(features: Array, target: Array) -> Array:
    return np.stack([features[target == k].mean(axis=0) for k in range(3)])


def probabilities(features: Array, prototypes: Array) -> Array:
    distances = np.linalg.norm(features[:, None] - prototypes[None], axis=-1)
    return np.exp(-distances) / np.exp(-distances).sum(axis=1, keepdims=True)


def test_second_epoch_adds_the_published_terms(
    fit: Any, make_module: Any, make_batch: MakeBatch
) -> None:
    """With rate 0 features stay, so the prototypes are the class means at the start."""
    batch, callback = make_batch(12), PMR(alpha=0.7, entropy_weight=0.3)
    plain = fit([batch], lr=0.0).trainer.callback_metrics["train/loss"]
    found = fit([batch], callback, lr=0.0, max_epochs=2).trainer.callback_metrics["train/loss"]
    torch.manual_seed(0)
    target, expected, p = batch["target"].numpy(), float(plain), {}
    for name, value in features_of(make_module(), batch).items():
        p[name] = probabilities(value, class_means(value, target))
    true = {name: value[np.arange(12), target] for name, value in p.items()}
    rho = true["audio"].sum() / true["visual"].sum()
    beta, gamma = np.clip(1 / rho - 1, 0, 1), np.clip(rho - 1, 0, 1)
    for name, pull, hold in (("audio", beta, gamma), ("visual", gamma, beta)):
        entropy = -(p[name] * np.log(p[name])).sum(axis=1).mean()
        expected += 0.7 * pull * -np.log(true[name]).mean() - 0.3 * hold * entropy
    assert float(found) == pytest.approx(expected, rel=1e-6)
    assert abs(expected - float(plain)) > 1e-3
    assert callback.factors["rho_audio"] == pytest.approx(rho, rel=1e-9)


def test_prototypes_are_class_means_over_all_batches_mixed_with_the_old_ones(
    fit: Any, make_module: Any, make_batch: MakeBatch
) -> None:
    batches, callback = [make_batch(12), make_batch(7)], PMR()
    fit(batches, callback, lr=0.0)
    torch.manual_seed(0)
    module = make_module()
    target = torch.cat([batch["target"] for batch in batches]).numpy()
    for name, prototypes in callback.prototypes.items():
        parts = [features_of(module, batch)[name] for batch in batches]
        expected = class_means(np.concatenate(parts), target)
        np.testing.assert_allclose(prototypes, expected, rtol=1e-12)
    callback.prototypes = {name: 0 * value for name, value in callback.prototypes.items()}
    callback.momentum = 0.4
    fit(batches, callback, lr=0.0)
    np.testing.assert_allclose(callback.prototypes["visual"], 0.6 * expected, rtol=1e-12)


class Alone:
    """A trainer with one rank."""

    world_size = 1


@pytest.mark.parametrize("form", ["paper", "released"])
def test_terms_pull_the_weak_modality_alone_and_the_bonus_holds_the_strong_one(
    make_module: Any, form: Any
) -> None:
    callback, prototypes = PMR(form=form), torch.eye(3) * 3
    callback._module, callback._trainer = make_module(), Alone()  # type: ignore[assignment]
    callback.prototypes = {"audio": prototypes, "visual": prototypes}
    strong = (torch.eye(3) * 2.5).unsqueeze(0).requires_grad_()  # [T, N, D]
    weak = (torch.eye(3) * 0.5).unsqueeze(0).requires_grad_()
    step = step_of({"audio": strong, "visual": weak}, torch.arange(3))
    terms = callback.rewrite_terms({FUSED: torch.zeros(())}, step, 0)
    bonus = {"pmr_entropy_audio"} if form == "paper" else set()
    assert set(terms) == {FUSED, "pmr_accelerate_visual"} | bonus
    terms["pmr_accelerate_visual"].backward()
    assert strong.grad is None
    moved = (weak - weak.grad).detach()  # type: ignore[operator]
    assert (moved[0] - prototypes).norm() < (weak[0] - prototypes).norm()


@pytest.mark.parametrize(("epoch", "kept"), [(9, True), (10, False)])
@pytest.mark.parametrize("start", [0, 3])
def test_bonus_ends_after_its_epochs(make_module: Any, epoch: int, kept: bool, start: int) -> None:
    callback = PMR(evidence="last_step", start_epoch=start)
    callback._module, callback._trainer = make_module(), Alone()  # type: ignore[assignment]
    callback.prototypes = {"audio": torch.eye(3), "visual": torch.eye(3)}
    callback.ratios = {"audio": 1.5, "visual": 1 / 1.5}
    features = {name: torch.zeros(1, 3, 3) for name in ("audio", "visual")}
    step = step_of(features, torch.arange(3))
    terms = callback.rewrite_terms({FUSED: torch.zeros(())}, step, start + epoch)
    assert ("pmr_entropy_audio" in terms) == kept


def test_nothing_happens_before_every_class_has_a_prototype(
    fit: Any, updates: Any, make_batch: MakeBatch
) -> None:
    batch, callback = make_batch(8), PMR()
    batch["target"] = batch["target"].clamp_max(1)  # class 2 never occurs
    plain = updates(fit([batch], lr=0.1, max_epochs=3))
    found = updates(fit([batch], callback, lr=0.1, max_epochs=3))
    torch.testing.assert_close(found, plain, rtol=0, atol=0)
    assert callback.prototypes == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.0}, "alpha must be positive"),
        ({"entropy_weight": -1.0}, "entropy_weight not negative"),
        ({"momentum": 1.0}, r"PMR.momentum must be in \[0, 1\)"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        PMR(**options)
