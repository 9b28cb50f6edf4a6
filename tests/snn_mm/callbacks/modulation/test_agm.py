from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from snn_mm.callbacks import AGM
from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.fusion import AVAttention, Concat, FiLM, Fusion, Gated, Sum
from snn_mm.modules import IEMFModule

MakeBatch = Callable[..., Batch]


def score(module: IEMFModule, batch: Batch, modality: str) -> float:
    """Cross-entropy of the released share: half of all, without the others, less without it."""
    features = module.encode(batch["inputs"])
    other = next(name for name in features if name != modality)
    own, others = (module.shared_logits(features)[name] for name in (modality, other))
    total = module.readout(module(batch["inputs"]))[FUSED]
    return float(cross_entropy(0.5 * (total - others + own), batch["target"]))


@pytest.mark.parametrize("fusion", [AVAttention, Concat, Sum, FiLM, Gated])
def test_first_step_compares_with_balance(
    fit: Any, make_module: Any, make_batch: MakeBatch, fusion: type[Fusion]
) -> None:
    batch, callback = make_batch(8), AGM(alpha=0.7)
    fit([batch], callback, module={"fusion": fusion})
    torch.manual_seed(0)
    module = make_module(fusion)
    audio, visual = score(module, batch, "audio"), score(module, batch, "visual")
    assert callback.factors["score_audio"] == pytest.approx(audio, rel=1e-12)
    expected = math.exp(0.7 * (1 - math.exp(visual - audio)))
    assert callback.factors["k_audio"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("fusion", [AVAttention, Concat, Sum, FiLM, Gated])
def test_benchmark_form_scores_what_the_fusion_says_without_the_other(
    fit: Any, make_module: Any, make_batch: MakeBatch, fusion: type[Fusion]
) -> None:
    batch, callback = make_batch(8), AGM(alpha=0.7, form="benchmark")
    fit([batch], callback, module={"fusion": fusion})
    torch.manual_seed(0)
    module = make_module(fusion)
    features = module.encode(batch["inputs"])
    for name, other in (("audio", "visual"), ("visual", "audio")):
        alone = {n: x if n == other else 0 * x for n, x in features.items()}
        total, rest = (module.fusion.fuse(x).mean(dim=0) for x in (features, alone))
        expected = float(cross_entropy(0.5 * (total - rest), batch["target"]))
        assert callback.factors[f"score_{name}"] == pytest.approx(expected, rel=1e-12)
    lead = callback.factors["score_audio"] - callback.factors["score_visual"]
    expected = math.exp(0.7 * (1 - math.exp(lead)))  # the opposite sign of the released form
    assert callback.factors["k_audio"] == pytest.approx(expected, rel=1e-12)


def test_later_steps_compare_with_the_running_mean(fit: Any, make_batch: MakeBatch) -> None:
    """With rate 0 the scores of a batch stay: the mean of three epochs of two batches."""
    scores, batches = {}, [make_batch(8), make_batch(6)]
    for size, batch in zip((8, 6), batches):
        callback = AGM()
        fit([batch], callback)
        scores[size] = callback.factors
    callback = AGM(alpha=0.7)
    fit(batches, callback, lr=0.0, max_epochs=2)
    mean = {
        name: (2 * scores[8][f"score_{name}"] + scores[6][f"score_{name}"]) / 3
        for name in ("audio", "visual")
    }
    last = scores[6]["score_visual"] - scores[6]["score_audio"]
    expected = math.exp(0.7 * (math.exp(mean["visual"] - mean["audio"]) - math.exp(last)))
    assert callback.factors["k_audio"] == pytest.approx(expected, rel=1e-9)


def test_overflowing_step_leaves_the_running_means_alone() -> None:
    callback = AGM()
    callback.compute_factors({"audio": 1.0, "visual": 2.0})
    callback.compute_factors({"audio": math.nan, "visual": 2.0})
    assert callback.references == {"audio": 1.0, "visual": 2.0}
    assert callback.steps == 1


def test_alpha_of_zero_is_refused() -> None:
    with pytest.raises(UserError, match=r"AGM.alpha must be positive, got 0"):
        AGM(alpha=0)
