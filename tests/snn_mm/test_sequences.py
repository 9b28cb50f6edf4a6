"""Masks, means and common steps: padding never reaches a result."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.sequences import (
    Sequence,
    align_steps,
    last_valid,
    masked_mean,
    pool_averaged,
    pool_masked,
    valid_mask,
    zero_padding,
)

LENGTHS = torch.tensor([1, 4, 7])


def sequences(steps: int = 7, garbage: float = float("nan")) -> Tensor:
    x = torch.randn(3, steps, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return x.masked_fill(~valid_mask(LENGTHS, steps).unsqueeze(-1), garbage)


def test_mask_is_true_up_to_the_length() -> None:
    assert valid_mask(LENGTHS, 7).sum(dim=1).tolist() == [1, 4, 7]
    assert valid_mask(LENGTHS, 7)[1].tolist() == [True] * 4 + [False] * 3


def test_mean_and_last_step_read_valid_steps_alone() -> None:
    x = sequences()
    means = [x[i, :n].mean(dim=0) for i, n in enumerate(LENGTHS)]
    assert torch.allclose(masked_mean(x, LENGTHS), torch.stack(means))
    last = [x[i, n - 1] for i, n in enumerate(LENGTHS)]
    assert torch.equal(last_valid(x, LENGTHS), torch.stack(last))
    assert zero_padding(x, LENGTHS).isfinite().all()


def test_values_are_weighted_and_masked_at_once() -> None:
    x = sequences(garbage=9.0).transpose(0, 1)
    sequence, values = Sequence.of(x, LENGTHS), x.clone().requires_grad_()
    weighted = sequence.with_values(values, 0.3).x
    expected = (0.3 * x).masked_fill(~sequence.valid.unsqueeze(-1), 0.0)
    assert torch.equal(weighted, expected)
    (gradient,) = torch.autograd.grad(weighted.sum(), values)
    assert torch.equal(gradient, 0.3 * sequence.valid.unsqueeze(-1).double().expand_as(x))


def test_windows_average_their_valid_steps() -> None:
    x = sequences()
    pooled, lengths = pool_masked(x, LENGTHS, 3)
    assert lengths.tolist() == [1, 2, 3]
    for i, n in enumerate(LENGTHS.tolist()):
        expected = [x[i, s : min(s + 3, n)].mean(dim=0) for s in range(0, n, 3)]
        assert torch.allclose(pooled[i, : len(expected)], torch.stack(expected))
        assert (pooled[i, len(expected) :] == 0).all()


def test_peer_rule_averages_the_padding_in_and_repeats_the_last_step() -> None:
    x = torch.arange(6, dtype=torch.float64).reshape(1, 6, 1)
    whole = np.concatenate([np.arange(6.0), [0.0], [0.0, 0.0]])  # 7 long, windows of 3
    expected = whole.reshape(3, 3).mean(axis=1)
    assert pool_averaged(x, max_length=7, steps=3).flatten().numpy() == pytest.approx(expected)


@pytest.mark.parametrize("padding", ["masked", "averaged"])
def test_a_sequence_alone_is_aligned_as_in_a_batch(padding: str) -> None:
    x, limits = {"audio": sequences()}, {"audio": 9}
    together, lengths = align_steps(x, {"audio": LENGTHS}, limits, 4, padding)  # type: ignore[arg-type]
    for i, n in enumerate(LENGTHS.tolist()):
        single = {"audio": x["audio"][i : i + 1, :n]}
        alone, own = align_steps(single, {"audio": LENGTHS[i : i + 1]}, limits, 4, padding)  # type: ignore[arg-type]
        steps = int(own["audio"])
        assert steps == lengths["audio"][i]
        assert torch.equal(alone["audio"][0, :steps], together["audio"][i, :steps])


def test_all_modalities_get_the_steps_of_the_longest() -> None:
    x = {"audio": sequences(), "text": sequences()[:, :2]}
    lengths = {"audio": LENGTHS, "text": torch.tensor([1, 2, 2])}
    aligned, own = align_steps(x, lengths, {"audio": 8, "text": 2}, 4)
    assert {value.shape for value in aligned.values()} == {(3, 4, 2)}
    assert own["text"].tolist() == [1, 2, 2]
    assert own["audio"].tolist() == [1, 2, 4]


def test_a_sequence_longer_than_the_model_knows_is_named() -> None:
    with pytest.raises(UserError, match=r"max_lengths\.audio is 5"):
        align_steps({"audio": sequences()}, {"audio": LENGTHS}, {"audio": 5}, 4)
