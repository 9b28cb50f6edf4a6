from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from snn_mm.callbacks import IEMF, LFM
from snn_mm.callbacks.modulation import lfm
from snn_mm.callbacks.modulation.functional.lfm import divergence, pairwise_divergence
from snn_mm.callbacks.modulation.held_out import alpha_derivative
from snn_mm.contracts import FUSED, Batch, FusionOutput, StepOutput
from snn_mm.errors import UserError
from snn_mm.fusion import AVAttention, Concat, FiLM, Gated, Sum
from snn_mm.modules import IEMFModule

MakeBatch = Callable[..., Batch]
ALPHA1 = 0.204623704
"""At epoch 0 of the published polynomial."""


def softmax(value: torch.Tensor) -> torch.Tensor:
    return value.exp() / value.exp().sum(dim=-1, keepdim=True)


def jensen_shannon(p: torch.Tensor, q: torch.Tensor, reverse: bool = False) -> torch.Tensor:
    m = (p + q) / 2
    pairs = [(m, p), (m, q)] if reverse else [(p, m), (q, m)]
    return sum(((a * (a / b).log()).sum(dim=-1).mean() for a, b in pairs), torch.zeros(())) / 2


def official_loss(module: IEMFModule, batch: Batch) -> torch.Tensor:
    logits, target = module.readout(module(batch["inputs"])), batch["target"]
    gap = jensen_shannon(softmax(logits["audio"]), softmax(logits["visual"]))
    joint = cross_entropy(logits["audio"], target) + cross_entropy(logits["visual"], target)
    fused = cross_entropy(logits[FUSED], target)
    return 2 * ALPHA1 * fused + 2 * (1 - ALPHA1) * gap + joint


def released_loss(module: IEMFModule, batch: Batch) -> torch.Tensor:
    logits, target = module.readout(module(batch["inputs"])), batch["target"]
    audio, visual = (value.mean(dim=0) for value in module.encode(batch["inputs"]).values())
    gap = jensen_shannon(softmax(audio), softmax(visual), reverse=True)
    return sum((cross_entropy(value, target) for value in logits.values()), gap)


@pytest.mark.parametrize(("form", "loss"), [("official", official_loss), ("iemf", released_loss)])
@pytest.mark.parametrize("fusion", [AVAttention, Concat, Sum, FiLM, Gated])
def test_update_is_the_gradient_of_the_published_loss_times_iemfs_factor(
    fit: Any,
    updates: Any,
    make_module: Any,
    make_batch: MakeBatch,
    fusion: Any,
    form: Any,
    loss: Any,
) -> None:
    batch, iemf, options = make_batch(8), IEMF(), {"fusion": fusion}
    found = updates(fit([batch], LFM(form=form), iemf, module=options), **options)
    torch.manual_seed(0)
    module = make_module(fusion)
    loss(module, batch).backward()
    scaled = {id(parameter) for parameter in module.fusion_parameters()}
    for name, parameter in module.named_parameters():
        factor = iemf.factors["xi"] if id(parameter) in scaled else 1.0
        torch.testing.assert_close(found[name], -factor * parameter.grad, rtol=1e-9, atol=1e-12)


def test_fitted_weights_follow_the_epoch(fit: Any, make_batch: MakeBatch) -> None:
    callback = LFM()
    fit([make_batch(8)], callback, lr=0.1, max_epochs=3)
    expected = 0.204623704 + 2 * 3.35472727e-3 + 4 * 1.22989557e-4 - 8 * 2.92947416e-6
    assert callback.factors["alpha1"] == pytest.approx(expected, rel=1e-5)
    assert callback.factors["alpha1"] + callback.factors["alpha2"] == pytest.approx(1.0)


def test_where_the_fitted_weight_leaves_nothing_to_the_divergence_it_is_no_summand() -> None:
    logits = {name: torch.randn(4, 3) for name in ("audio", "visual", FUSED)}
    step = StepOutput(FusionOutput(torch.empty(0), {}, {}), logits, torch.zeros(4))
    before, at = (LFM().rewrite_terms({FUSED: torch.ones(())}, step, e) for e in (0, 183))
    assert set(before) == {FUSED, "lfm"}
    assert set(at) == {FUSED}
    assert float(at[FUSED]) == 2.0


@pytest.mark.parametrize(("over", "gap"), [("pairs", pairwise_divergence), ("all", divergence)])
def test_with_three_modalities_the_gap_is_over_pairs_or_over_all(over: Any, gap: Any) -> None:
    logits = {name: torch.randn(4, 3) for name in ("audio", "visual", "touch", FUSED)}
    step = StepOutput(FusionOutput(torch.empty(0), {}, {}), logits, torch.zeros(4))
    terms = LFM(over=over).rewrite_terms({FUSED: torch.ones(())}, step, 0)
    expected = 2 * (1 - ALPHA1) * gap([logits[name] for name in ("audio", "visual", "touch")])
    torch.testing.assert_close(terms["lfm"], expected)


def held_out_loss(module: IEMFModule, batch: Batch, half: slice) -> tuple[torch.Tensor, ...]:
    inputs = {name: value[half] for name, value in batch["inputs"].items()}
    logits = module.readout(module(inputs))
    loss = cross_entropy(logits[FUSED], batch["target"][half])
    return loss, jensen_shannon(softmax(logits["audio"]), softmax(logits["visual"]))


def test_learned_weight_moves_against_the_held_out_loss_of_one_step(
    fit: Any, make_module: Any, make_batch: MakeBatch
) -> None:
    """Finite difference of the held-out loss along the step that α2 changes."""
    batch, validation, rate = make_batch(8), make_batch(10), 1e-2
    callback = LFM(schedule="learnable", alpha_rate=rate, held_out_samples=8)
    callback.alpha2 = 0.5
    fit([batch], callback, validation=[validation])
    torch.manual_seed(0)
    module = make_module()
    loss, gap = held_out_loss(module, validation, slice(0, 4))
    parameters, losses = list(module.parameters()), []
    steps = torch.autograd.grad(gap - loss, parameters, materialize_grads=True, allow_unused=True)
    for sign in (1, -1):
        with torch.no_grad():
            for parameter, step in zip(parameters, steps):
                parameter.sub_(sign * 1e-5 * step)
            losses.append(float(held_out_loss(module, validation, slice(4, 8))[0]))
            for parameter, step in zip(parameters, steps):
                parameter.add_(sign * 1e-5 * step)
    derivative = (losses[0] - losses[1]) / 2e-5
    assert callback.alpha2 == pytest.approx(0.5 - rate * derivative, rel=1e-8)
    assert abs(derivative) > 1e-3
    assert callback.factors["alpha1"] == pytest.approx(1 - callback.alpha2)


def test_rate_of_the_learned_weight_halves_every_twenty_epochs(
    make_module: Any, make_batch: MakeBatch, monkeypatch: Any
) -> None:
    monkeypatch.setattr("snn_mm.callbacks.modulation.lfm.alpha_derivative", lambda *_: 1.0)
    monkeypatch.setattr("snn_mm.callbacks.modulation.lfm.held_out_batch", lambda *_: make_batch(2))
    callback = LFM(schedule="learnable", alpha_rate=0.1)

    class At:
        world_size, current_epoch = 1, 0

    found = []
    for At.current_epoch in (0, 19, 20, 40):
        before = callback.alpha2
        callback.on_train_epoch_start(At(), make_module())  # type: ignore[arg-type]
        found.append(before - callback.alpha2)
    assert found == pytest.approx([0.1, 0.1, 0.05, 0.025])


def test_derivative_leaves_module_and_generators_as_they_were(
    spiking_module: IEMFModule, loader: Any
) -> None:
    batch = next(iter(loader))
    spiking_module.train()
    spiking_module.fusion.eval()
    before = {key: value.clone() for key, value in spiking_module.state_dict().items()}
    state = torch.get_rng_state()
    assert alpha_derivative(spiking_module, batch, divergence) != 0.0
    torch.testing.assert_close(spiking_module.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert spiking_module.encoders.training
    assert not spiking_module.fusion.training
    assert all(parameter.grad is None for parameter in spiking_module.parameters())


def test_learnable_schedule_without_validation_is_refused(fit: Any, make_batch: MakeBatch) -> None:
    with pytest.raises(UserError, match="LFM: schedule: learnable needs a validation part"):
        fit([make_batch(8)], LFM(schedule="learnable"))


def test_features_of_different_widths_are_refused_in_the_iemf_form() -> None:
    features = {"audio": torch.zeros(1, 2, 3), "visual": torch.zeros(1, 2, 4)}
    step = StepOutput(FusionOutput(torch.empty(0), {}, features), {}, torch.zeros(2))
    with pytest.raises(UserError, match=r"audio: 3, visual: 4"):
        LFM(form="iemf").rewrite_terms({}, step, 0)


def test_reverse_can_be_chosen_in_either_form() -> None:
    assert (LFM().reverse, LFM(form="iemf").reverse) == (False, True)
    logits = {"audio": torch.randn(4, 3), "visual": torch.randn(4, 3), FUSED: torch.randn(4, 3)}
    step, one = (
        StepOutput(FusionOutput(torch.empty(0), {}, {}), logits, torch.zeros(4)),
        torch.ones(()),
    )
    terms = LFM(reverse=True).rewrite_terms({FUSED: one}, step, 0)
    expected = 2 * (1 - ALPHA1) * divergence([logits["audio"], logits["visual"]], reverse=True)
    torch.testing.assert_close(terms["lfm"], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha_rate": 0.0}, "LFM.alpha_rate must be positive"),
        ({"held_out_samples": 1}, "LFM.held_out_samples must be at least 2"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LFM(**options)


def test_learnable_alpha_moves_by_the_mean_derivative_over_the_ranks(
    monkeypatch: pytest.MonkeyPatch, make_module: Callable[..., IEMFModule]
) -> None:
    monkeypatch.setattr(lfm, "held_out_batch", lambda *_: None)
    monkeypatch.setattr(lfm, "alpha_derivative", lambda *_: 200.0)
    monkeypatch.setattr(lfm, "sum_over_ranks", lambda value, _: 3 * value)
    callback = LFM(schedule="learnable")
    callback.on_train_epoch_start(
        SimpleNamespace(world_size=3, current_epoch=0),  # type: ignore[arg-type]
        make_module(),
    )
    assert callback.alpha2 == pytest.approx(0.95 - 1e-4 * 200.0)
