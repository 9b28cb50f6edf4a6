from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snn_mm.modules.taaf.attention import (
    TemporalAttention,
    attention_entropy,
    temporal_attention_scores,
)


def numpy_scores(x: np.ndarray, query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Eqs 5-7 sample by sample, row by row."""
    steps, samples, _ = x.shape
    scores = np.zeros((steps, samples))
    for n in range(samples):
        for i in range(steps):
            products = [(x[i, n] @ query) @ (x[j, n] @ key) for j in range(steps)]
            weights = np.exp(np.array(products) / math.sqrt(query.shape[1]))
            scores[:, n] += weights / weights.sum() / steps
    return scores


@pytest.fixture
def tensors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(4, 3, 5).double(), torch.randn(5, 2).double(), torch.randn(5, 2).double()


def test_scores_equal_eqs_5_to_7_in_numpy(tensors: tuple[torch.Tensor, ...]) -> None:
    expected = numpy_scores(*(value.numpy() for value in tensors))
    np.testing.assert_allclose(temporal_attention_scores(*tensors).numpy(), expected, rtol=1e-12)


def test_scores_sum_to_one_over_time_and_differ_between_steps(
    tensors: tuple[torch.Tensor, ...],
) -> None:
    scores = temporal_attention_scores(*tensors)
    torch.testing.assert_close(scores.sum(dim=0), torch.ones(3).double())
    assert scores.std(dim=0).min() > 1e-3


def test_gradients_of_scores_equal_finite_differences(tensors: tuple[torch.Tensor, ...]) -> None:
    inputs = [value.requires_grad_() for value in tensors]
    assert torch.autograd.gradcheck(temporal_attention_scores, inputs)


def test_single_time_step_gets_the_whole_attention() -> None:
    attention = TemporalAttention(5, 2)
    torch.testing.assert_close(attention(torch.randn(1, 3, 5)), torch.ones(1, 3))


def test_entropy_is_one_for_equal_steps_and_zero_for_one_step_alone() -> None:
    uniform, single = torch.full((4, 1), 0.25), torch.tensor([[0.0], [1.0], [0.0], [0.0]])
    assert attention_entropy(uniform).item() == pytest.approx(1.0)
    assert attention_entropy(single).item() == pytest.approx(0.0)
    assert attention_entropy(torch.ones(1, 2)).tolist() == [1.0, 1.0]


def test_halves_of_an_autocast_step_are_attended_in_full_precision() -> None:
    attention = TemporalAttention(5, 2)
    assert attention(torch.randn(4, 3, 5, dtype=torch.bfloat16)).dtype == torch.float32
