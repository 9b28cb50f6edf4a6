from __future__ import annotations

import numpy as np
import pytest
import torch

from snn_mm.losses import attention_guided_loss, joint_cross_entropy, weighted_terms


def numpy_cross_entropy(logits: np.ndarray, target: np.ndarray, smoothing: float) -> float:
    """Cross-entropy in float64 with smoothed targets, from the definition."""
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wanted = np.full_like(log_p, smoothing / logits.shape[1])
    wanted[np.arange(len(target)), target] += 1 - smoothing
    return float(-(wanted * log_p).sum(axis=1).mean())


def test_a_summand_of_weight_zero_is_neither_computed_nor_there() -> None:
    asked: list[str] = []

    def loss(name: str) -> torch.Tensor:
        asked.append(name)
        return torch.tensor(2.0)

    terms = weighted_terms({"a": 0.5, "b": 0.0, "c": 3.0}, loss)
    assert {name: float(term) for name, term in terms.items()} == {"a": 1.0, "c": 6.0}
    assert asked == ["a", "c"]


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_joint_cross_entropy_equals_numpy(weight: float, smoothing: float) -> None:
    fused, audio, visual = torch.randn(3, 5, 4, dtype=torch.float64)
    target = torch.tensor([0, 1, 2, 3, 1])
    terms = [
        numpy_cross_entropy(logits.numpy(), target.numpy(), smoothing)
        for logits in (fused, audio, visual)
    ]
    unimodal = {"audio": audio, "visual": visual}
    loss = joint_cross_entropy(fused, unimodal, target, weight, smoothing)
    assert list(loss) == (["fused", "audio", "visual"] if weight else ["fused"])
    expected = [terms[0], weight * terms[1], weight * terms[2]][: len(loss)]
    assert [term.item() for term in loss.values()] == pytest.approx(expected, rel=1e-12)


def numpy_guided(
    logits: np.ndarray, target: np.ndarray, scores: np.ndarray, phi: float, lam: float
) -> float:
    """TAAF Eqs 8 and 9, summand by summand."""
    steps, samples, _ = logits.shape
    guided, squares = 0.0, 0.0
    for t in range(steps):
        for n in range(samples):
            row = logits[t, n]
            guided -= scores[t, n] * (row[target[n]] - np.log(np.exp(row).sum())) / samples
        squares += ((logits[t] - phi) ** 2).mean() / steps
    return float((1 - lam) * guided + lam * squares)


@pytest.mark.parametrize(("phi", "lam"), [(1.0, 0.0), (1.0, 1e-3), (0.5, 0.3), (0.7, 1.0)])
def test_attention_guided_loss_equals_numpy(phi: float, lam: float) -> None:
    logits, target = torch.randn(3, 5, 4).double(), torch.tensor([0, 1, 2, 3, 1])
    scores = torch.rand(3, 5).double().softmax(dim=0)
    expected = numpy_guided(logits.numpy(), target.numpy(), scores.numpy(), phi, lam)
    loss = attention_guided_loss(logits, target, scores, phi, lam)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_gradients_of_the_attention_guided_loss_equal_finite_differences() -> None:
    logits = torch.randn(3, 4, 5).double().requires_grad_()
    scores = torch.rand(3, 4).double().requires_grad_()
    target = torch.tensor([0, 1, 2, 3])
    assert torch.autograd.gradcheck(
        lambda o, a: attention_guided_loss(o, target, a, lam=0.1), (logits, scores)
    )


def test_attention_guided_loss_of_a_single_step_is_plain_cross_entropy() -> None:
    logits, target = torch.randn(1, 4, 5), torch.tensor([0, 1, 2, 3])
    loss = attention_guided_loss(logits, target, torch.ones(1, 4), lam=0.0)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits[0], target))
