"""What keeps old classes in a growing classifier: block-wise losses as pure functions.

Logits are laid out in blocks, one a task, in the order in which the tasks were learned. LwF: Li and
Hoiem, "Learning without Forgetting". SS-IL: Ahn et al., "SS-IL: Separated Softmax for Incremental
Learning". AV-CIL: Pian et al., "Audio-Visual Class-Incremental Learning". Forms and constants are
those that weiguoPian/AV-CIL_ICCV2023 and Brain-Cog-Lab/IEMF released.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div


class AttentionMaps(NamedTuple):
    """Attention of one batch, a distribution per channel; all entries are positive.

    Attributes:
        spatial: `[N, L, S, D]`, summing to one over the S places of each of L frames.
        temporal: `[N, L, D]`, summing to one over the frames.
    """

    spatial: Tensor
    temporal: Tensor

    def of(self, samples: Tensor) -> AttentionMaps:
        """Maps of some samples alone, given by a mask `[N]` in bool or by indices `[n]`."""
        return AttentionMaps(self.spatial[samples], self.temporal[samples])


def separated_cross_entropy(logits: Tensor, target: Tensor, start: int) -> Tensor:
    """Cross-entropy in which old and current classes never compete (separated softmax of SS-IL).

    A sample of the current task is judged within the block of current logits, an exemplar within
    the old ones: L = (B · L_current + E · L_old) / (B + E), the mean over all samples. Without
    exemplars it is the loss of LwF on the current block; with `start` 0, the first task, it is the
    ordinary cross-entropy over all classes.

    Args:
        logits: `[N, K]` of all classes seen so far.
        target: class indices `[N]`; an exemplar is what lies below `start`.
        start: first class of the current task, in [0, K).

    Returns:
        A scalar in nats.

    Raises:
        ValueError: `start` is not in [0, K).
    """
    classes = logits.shape[1]
    if not 0 <= start < classes:
        raise ValueError(f"start is {start}; the current task's first class is in [0, {classes})")
    is_current_class = torch.arange(classes, device=logits.device) >= start  # [K]
    is_current_sample = target >= start  # [N]
    other_block = is_current_class != is_current_sample.unsqueeze(1)  # [N, K]
    # A logit of -inf has no share in the softmax and gets no gradient, so that one mean over all
    # samples weighs both parts by their numbers, and a part may be empty.
    return cross_entropy(logits.masked_fill(other_block, float("-inf")), target)


def knowledge_distillation(
    new: Tensor, old: Tensor, blocks: Sequence[range], temperature: float = 2.0
) -> Tensor:
    """How far the logits of old tasks have moved from the teacher's (LwF; task-wise in SS-IL).

    L = Σ_t τ² · mean over samples of KL(softmax(old_t / τ) ‖ softmax(new_t / τ)), where x_t are the
    logits of task t. Summed over the old tasks, not averaged, as both repositories do.

    Args:
        new: logits of the network in training, `[N, K]`.
        old: logits of the teacher, `[N, K']`, K' <= K; they get no gradient.
        blocks: classes of each old task; none in the first task, whose loss is 0.
        temperature: τ > 0.

    Returns:
        A scalar in nats.

    Raises:
        ValueError: a block reaches beyond the teacher's classes.
    """
    classes = min(new.shape[1], old.shape[1])
    beyond = [block for block in blocks if not 0 <= block.start < block.stop <= classes]
    if beyond:
        raise ValueError(f"{beyond[0]} is no block of the {classes} classes of both networks")
    total = new.new_zeros(())
    for block in blocks:
        columns = slice(block.start, block.stop)
        taught = (old[:, columns].detach() / temperature).log_softmax(dim=1)
        learned = (new[:, columns] / temperature).log_softmax(dim=1)
        divergence = kl_div(learned, taught, reduction="batchmean", log_target=True)
        total = total + temperature**2 * divergence
    return total


def attention_distillation(
    new: AttentionMaps, old: AttentionMaps, spatial_share: float = 0.5
) -> Tensor:
    """How far the attention has moved from the teacher's (AV-CIL, attention distillation).

    L = λ KL_s + (1 - λ) KL_t, each KL(old ‖ new) summed over channels and frames and divided by the
    number of samples. AV-CIL takes it on exemplars alone: pass `maps.of(exemplars)`.

    Args:
        new: maps of the network in training.
        old: maps of the teacher; they get no gradient.
        spatial_share: λ in [0, 1].

    Returns:
        A scalar in nats; 0 of no samples.
    """
    samples = len(new.spatial)
    if not samples:
        return new.spatial.sum() + new.temporal.sum()  # a zero that still has a gradient
    spatial, temporal = (
        kl_div(learned.log(), taught.detach(), reduction="sum") / samples
        for learned, taught in zip(new, old, strict=True)
    )
    return spatial_share * spatial + (1.0 - spatial_share) * temporal
