from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.callbacks import LossAdjustment
from snn_mm.contracts import Batch, StepOutput
from snn_mm.errors import UserError
from snn_mm.modules import TAAFModule

MakeBatch = Callable[[int], Batch]


@pytest.fixture
def module(make_encoders: Callable[..., dict[str, Any]]) -> TAAFModule:
    torch.manual_seed(0)
    return TAAFModule(make_encoders({"audio": 3, "visual": 3}), 3, width=8).double()


def step_of(module: TAAFModule, batch: Batch) -> tuple[dict[str, torch.Tensor], StepOutput]:
    output = module(batch["inputs"])
    logits = module.readout(output)
    terms = module.loss_terms(output, logits, batch["target"])
    return terms, StepOutput(output, logits, batch["target"])


def summed_probability(logits: torch.Tensor, target: torch.Tensor) -> float:
    """OGM's score, sample by sample."""
    return sum(float(row.exp()[y] / row.exp().sum()) for row, y in zip(logits, target))


@pytest.mark.parametrize("scored", ["mean", "readout"])
def test_dominant_modality_alone_is_scaled_by_k_of_its_ratio(
    module: TAAFModule, make_batch: MakeBatch, scored: Any
) -> None:
    terms, step = step_of(module, make_batch(7))
    callback = LossAdjustment(alpha=0.3, scored=scored)
    rewritten = callback.rewrite_terms(terms, step, 0)
    logits = {n: o.mean(dim=0) for n, o in step.output.unimodal.items()}
    logits = logits if scored == "mean" else step.logits
    logits = {n: value.detach() for n, value in logits.items()}
    score = {n: summed_probability(logits[n], step.target) for n in ("audio", "visual")}
    strong, weak = sorted(score, key=lambda n: -score[n])
    k = 1 - math.tanh(0.3 * score[strong] / score[weak])
    torch.testing.assert_close(rewritten[strong], k * terms[strong])
    assert rewritten[weak] is terms[weak] or torch.equal(rewritten[weak], terms[weak])
    assert torch.equal(rewritten["fused"], terms["fused"])


def test_attention_as_strength_gives_every_time_step_a_factor_of_its_own(
    module: TAAFModule, make_batch: MakeBatch, tmp_path: Path
) -> None:
    seen: dict[str, Any] = {}

    class Recorder(LossAdjustment):
        def rewrite_terms(self, terms: Any, step: Any, epoch: int) -> Any:
            seen.update(step=step, scores=module.scores(step.output), terms=terms)
            seen["rewritten"] = super().rewrite_terms(terms, step, epoch)
            return seen["rewritten"]

    callback = Recorder(alpha="attention")
    fit(module, make_batch(7), tmp_path, 1, callback)
    output, target = seen["step"].output, seen["step"].target
    assert torch.equal(seen["rewritten"]["fused"], seen["terms"]["fused"])
    for name, other in (("audio", "visual"), ("visual", "audio")):
        total, factors = 0.0, []
        for t, logits in enumerate(output.unimodal[name]):
            own = summed_probability(logits.detach(), target)
            rho = own / summed_probability(output.unimodal[other][t].detach(), target)
            for n, row in enumerate(logits):
                alpha = float(seen["scores"][name][t, n].detach())
                k = 1 - math.tanh(alpha * rho) if rho > 1 else 1.0
                entropy = -float(row.log_softmax(dim=-1)[target[n]])
                square = float((row - module.phi).square().mean()) / len(output.unimodal[name])
                factors.append(k)
                total += k * ((1 - module.lam) * alpha * entropy + module.lam * square) / 7
        assert float(seen["rewritten"][name]) == pytest.approx(total, rel=1e-9)
        assert callback.factors[f"k_{name}"] == pytest.approx(sum(factors) / len(factors))


def test_attention_as_strength_needs_time_steps_and_a_level_of_batches() -> None:
    with pytest.raises(UserError, match="level batch"):
        LossAdjustment(alpha="attention", level="validation")
    with pytest.raises(UserError, match="accepted: 0 or more, attention"):
        LossAdjustment(alpha="scores")  # type: ignore[arg-type]


def test_factors_carry_no_gradient(module: TAAFModule, make_batch: MakeBatch) -> None:
    terms, step = step_of(module, make_batch(7))
    callback = LossAdjustment()
    rewritten = callback.rewrite_terms(terms, step, 0)
    parameter = module.encoders["audio"].projection.linear.weight
    own = torch.autograd.grad(terms["audio"], parameter, retain_graph=True)[0]
    scaled = torch.autograd.grad(rewritten["audio"], parameter)[0]
    torch.testing.assert_close(scaled, callback.factors["k_audio"] * own)


def fit(module: TAAFModule, batch: Batch, path: Path, epochs: int, callback: Any) -> None:
    loader = DataLoader([batch], batch_size=None)  # type: ignore[arg-type]
    quiet_trainer(callback, max_epochs=epochs, default_root_dir=path).fit(module, loader, loader)


class Recorder(LossAdjustment):
    """Remembers, step by step, what became of each summand."""

    seen: list[dict[str, float]]

    def modulate_loss(self, terms: Any, step: Any) -> Any:
        rewritten = super().modulate_loss(terms, step)
        ratio = {name: float(term / terms[name]) for name, term in rewritten.items()}
        self.seen = [*getattr(self, "seen", []), ratio]
        return rewritten


@pytest.mark.parametrize("after", ["k_one", "drop_unimodal"])
@pytest.mark.parametrize("window", [(0, 0), (1, 2), (2, 2), (1, None)], ids=str)
def test_in_each_epoch_the_losses_are_weighed_left_alone_or_gone(
    module: TAAFModule,
    make_batch: MakeBatch,
    tmp_path: Path,
    after: Any,
    window: tuple[int, int | None],
) -> None:
    start, end = window
    callback = Recorder(after_end=after, start_epoch=start, end_epoch=end)
    fit(module, make_batch(7), tmp_path, 4, callback)
    for epoch, found in enumerate(callback.seen):
        over = end is not None and epoch > end
        assert found["fused"] == 1.0
        if over and after == "drop_unimodal":
            assert set(found) == {"fused"}
        elif over or epoch < start:
            assert found == {"fused": 1.0, "audio": 1.0, "visual": 1.0}
        else:
            assert 0.0 < min(found["audio"], found["visual"]) < 0.7
            assert max(found["audio"], found["visual"]) == 1.0


def test_a_factor_that_has_become_zero_takes_the_summand_out(
    module: TAAFModule, make_batch: MakeBatch
) -> None:
    terms, step = step_of(module, make_batch(7))
    callback = LossAdjustment(alpha=1e3)  # 1 - tanh is 0 in float64
    rewritten = callback.rewrite_terms(terms, step, 0)
    gone = {name for name in ("audio", "visual") if callback.factors[f"k_{name}"] == 0.0}
    assert len(gone) == 1
    assert set(terms) - set(rewritten) == gone


def test_validation_level_uses_the_accuracies_of_the_epoch_before(
    module: TAAFModule, make_batch: MakeBatch, tmp_path: Path
) -> None:
    callback = LossAdjustment(level="validation")
    fit(module, make_batch(7), tmp_path, 2, callback)
    assert set(callback.validation) == {"audio", "visual"}
    assert set(callback.factors) == {"k_audio", "k_visual", "rho_audio", "rho_visual"}
    restored = LossAdjustment(level="validation")
    restored.load_state_dict(callback.state_dict())
    assert restored.validation == callback.validation


def test_unknown_option_is_refused() -> None:
    with pytest.raises(UserError, match="level is 'epoch'; accepted: batch, validation"):
        LossAdjustment(level="epoch")  # type: ignore[arg-type]
