"""Block-wise losses against sums written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from snn_mm.modules.continual.distillation import (
    AttentionMaps,
    attention_distillation,
    knowledge_distillation,
    separated_cross_entropy,
)


def softmax(row: np.ndarray) -> np.ndarray:
    powers = np.exp(row)
    return powers / powers.sum()


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    return float(sum(a * np.log(a / b) for a, b in zip(p, q, strict=True)))


def looped_distillation(new: Tensor, old: Tensor, blocks: list[range], tau: float) -> float:
    total = 0.0
    for block in blocks:
        for student, teacher in zip(new.numpy(), old.numpy(), strict=True):
            p, q = softmax(teacher[list(block)] / tau), softmax(student[list(block)] / tau)
            total += tau**2 * divergence(p, q) / len(new)
    return total


ONE_TASK = [range(3)]
EQUAL_TASKS = [range(2), range(2, 4)]
UNEQUAL_TASKS = [range(3), range(3, 4), range(4, 6)]


@pytest.mark.parametrize("blocks", [ONE_TASK, EQUAL_TASKS, UNEQUAL_TASKS])
@pytest.mark.parametrize("tau", [1.0, 2.0])
def test_distillation_sums_the_blocks_of_all_old_tasks(blocks: list[range], tau: float) -> None:
    new, old = torch.randn(5, 8).double(), torch.randn(5, blocks[-1].stop).double()
    loss = knowledge_distillation(new, old, blocks, tau)
    assert loss.item() == pytest.approx(looped_distillation(new, old, blocks, tau), rel=1e-12)


def test_the_first_task_distils_nothing() -> None:
    assert knowledge_distillation(torch.randn(5, 4), torch.randn(5, 4), []).item() == 0.0


def test_current_logits_and_the_teacher_get_no_gradient_of_distillation() -> None:
    new = torch.randn(3, 6).double().requires_grad_()
    old = torch.randn(3, 4).double().requires_grad_()
    knowledge_distillation(new, old, EQUAL_TASKS).backward()
    assert old.grad is None
    assert new.grad is not None
    assert bool((new.grad[:, :4] != 0).all())
    assert bool((new.grad[:, 4:] == 0).all())


@pytest.mark.parametrize("block", [range(2, 5), range(-1, 2), range(2, 2)])
def test_a_block_the_teacher_does_not_know_is_refused(block: range) -> None:
    with pytest.raises(ValueError, match="is no block of the 4 classes"):
        knowledge_distillation(torch.randn(3, 6), torch.randn(3, 4), [block])


def looped_separated(logits: Tensor, target: Tensor, start: int) -> float:
    """Both losses with labels relative to their block, weighted by their numbers of samples."""
    current, old = [], []
    for row, label in zip(logits.numpy(), target.tolist(), strict=True):
        if label >= start:
            current.append(-np.log(softmax(row[start:])[label - start]))
        else:
            old.append(-np.log(softmax(row[:start])[label]))
    parts = [len(part) * np.mean(part) for part in (current, old) if part]
    return float(sum(parts) / len(target))


@pytest.mark.parametrize(
    ("start", "target"),
    [
        pytest.param(4, [4, 5, 6, 0, 3], id="exemplars"),
        pytest.param(4, [4, 5, 6, 5, 4], id="no exemplars"),
        pytest.param(1, [0, 0, 6, 2, 1], id="one old class"),
        pytest.param(4, [0, 1, 2, 3, 3], id="exemplars alone"),
    ],
)
def test_old_and_current_classes_do_not_compete(start: int, target: list[int]) -> None:
    logits, labels = torch.randn(5, 7).double(), torch.tensor(target)
    loss = separated_cross_entropy(logits, labels, start)
    assert loss.item() == pytest.approx(looped_separated(logits, labels, start), rel=1e-12)


def test_the_first_task_has_the_ordinary_cross_entropy() -> None:
    logits, target = torch.randn(5, 3).double(), torch.tensor([0, 1, 2, 2, 1])
    loss = separated_cross_entropy(logits, target, 0)
    assert loss.item() == pytest.approx(cross_entropy(logits, target).item(), rel=1e-12)


def test_the_other_block_gets_no_gradient() -> None:
    logits = torch.randn(2, 5).double().requires_grad_()
    separated_cross_entropy(logits, torch.tensor([0, 4]), 3).backward()
    assert logits.grad is not None
    expected = [[True, True, True, False, False], [False, False, False, True, True]]
    assert (logits.grad != 0).tolist() == expected


@pytest.mark.parametrize("start", [-1, 5])
def test_a_start_beyond_the_classes_is_refused(start: int) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 5\)"):
        separated_cross_entropy(torch.randn(2, 5), torch.tensor([0, 4]), start)


def random_maps(samples: int) -> AttentionMaps:
    spatial = torch.randn(samples, 2, 3, 4).double().softmax(dim=2)
    return AttentionMaps(spatial, torch.randn(samples, 2, 4).double().softmax(dim=1))


def looped_attention(new: AttentionMaps, old: AttentionMaps, share: float) -> float:
    samples, frames, _, channels = new.spatial.shape
    spatial = temporal = 0.0
    for n in range(samples):
        for d in range(channels):
            temporal += divergence(old.temporal[n, :, d].numpy(), new.temporal[n, :, d].numpy())
            for t in range(frames):
                p, q = old.spatial[n, t, :, d].numpy(), new.spatial[n, t, :, d].numpy()
                spatial += divergence(p, q)
    return (share * spatial + (1 - share) * temporal) / samples


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_attention_distillation_sums_over_channels_and_frames(share: float) -> None:
    new, old = random_maps(3), random_maps(3)
    loss = attention_distillation(new, old, share)
    assert loss.item() == pytest.approx(looped_attention(new, old, share), rel=1e-12)


def test_attention_is_distilled_on_the_samples_of_a_mask() -> None:
    new, old = random_maps(4), random_maps(4)
    mask = torch.tensor([False, True, False, True])
    new_two, old_two = (AttentionMaps(m.spatial[1::2], m.temporal[1::2]) for m in (new, old))
    loss = attention_distillation(new.of(mask), old.of(mask))
    assert loss.item() == pytest.approx(looped_attention(new_two, old_two, 0.5), rel=1e-12)


def test_a_batch_without_exemplars_distils_no_attention() -> None:
    new, none = random_maps(3), torch.zeros(3, dtype=torch.bool)
    new.spatial.requires_grad_()
    loss = attention_distillation(new.of(none), random_maps(3).of(none))
    loss.backward()
    assert loss.item() == 0.0
    assert new.spatial.grad is not None
    assert bool((new.spatial.grad == 0).all())
