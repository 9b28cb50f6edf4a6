from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from snn_mm.callbacks.modulation.functional.semantic_alignment import semantic_alignment_loss


def test_loss_is_its_double_sum_and_its_gradient_is_right() -> None:
    a, b = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    target = torch.tensor([0, 1, 0, 2])
    x, y = a.mean(dim=0).tolist(), b.mean(dim=0).tolist()
    score = [[sum(p * q for p, q in zip(r, s)) / 0.5 for s in y] for r in x]
    expected = 0.0
    for i, j in torch.cartesian_prod(torch.arange(4), torch.arange(4)).tolist():
        if target[i] == target[j]:
            expected -= score[i][j] - math.log(sum(map(math.exp, score[i])))
    loss = semantic_alignment_loss(a, b, target, 0.5)
    assert float(loss) == pytest.approx(expected / 16, rel=1e-12)

    def of_both(first: Tensor, second: Tensor) -> Tensor:
        return semantic_alignment_loss(first, second, target, 0.5)

    assert torch.autograd.gradcheck(of_both, (a.requires_grad_(), b.requires_grad_()))
