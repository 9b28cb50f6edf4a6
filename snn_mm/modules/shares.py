"""What the mean of a rank or of a micro-batch counts for, so that all together are one mean."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add

import torch
from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from snn_mm.contracts import FUSED, LossTerms, Presence
from snn_mm.presence import sample_counts

SEVERAL = "several"
"""Where samples are counted by modality: those that have more than one."""

COMPARING = ("lfm", "semantic_alignment", "instance", "class_contrast", "match")
"""Summands that compare the modalities of a sample: means over those that have several."""


def union_counts(
    present: Presence | None, modalities: Sequence[str], samples: int
) -> dict[str, int]:
    """How many samples stand behind means: of the batch (`FUSED`), by modality, and of `SEVERAL`.

    Example:
        >>> union_counts({"audio": torch.tensor([True, False])}, ["audio", "visual"], 2)
        {'fused': 2, 'audio': 1, 'visual': 2, 'several': 1}
    """
    return {FUSED: samples} | sample_counts(present, modalities, samples, SEVERAL)


def counted_by(term: str, counts: Iterable[str]) -> str:
    """What a summand of the loss is counted by: `FUSED`, `SEVERAL`, or a modality.

    Example:
        >>> [counted_by(term, {"fused": 2, "audio": 1}) for term in ("fused", "pmr_audio", "x")]
        ['fused', 'audio', 'fused']
    """
    if term in COMPARING:
        return SEVERAL
    return next((n for n in counts if term == n or term.endswith(f"_{n}")), FUSED)


def shares_of_union(
    counts: Mapping[str, int], trainer: Trainer, device: torch.device
) -> dict[str, float]:
    """What each mean of this rank counts for, so that DDP's mean is that of the union batch.

    1 unless ranks differ in their number of samples, as in a short last batch or where some lack a
    modality. One reduction for all: every rank must ask, with the same names.
    """
    own = torch.tensor(list(counts.values()), dtype=torch.float32, device=device)
    total = trainer.strategy.reduce(own, reduce_op="sum").tolist()
    ranks = trainer.world_size
    return {n: own * ranks / (all_of or 1.0) for (n, own), all_of in zip(counts.items(), total)}


def weighed_by_union(terms: LossTerms, loss: Tensor, shares: Mapping[str, float]) -> Tensor:
    """The loss of this rank, each of its summands times its share of the union.

    Args:
        terms: scalars by name.
        loss: their sum.
        shares: by what they are counted.
    """
    if len(set(shares.values())) == 1:
        return loss * shares[FUSED]
    weighed = [term * shares[counted_by(name, shares)] for name, term in terms.items()]
    return reduce(add, weighed)


def share_of_window(trainer: Trainer | None, batch_idx: int) -> float:
    """What a micro-batch counts for, so that the last accumulation window is a mean too.

    Lightning divides each by the full length, though an epoch may end before; so it stays where
    nobody knows how many batches a stream has.
    """
    if trainer is None or trainer.strategy.handles_gradient_accumulation:
        return 1.0
    full = trainer.accumulate_grad_batches
    left = trainer.num_training_batches - batch_idx // full * full
    if left == math.inf and full > 1 and batch_idx == 0:
        rank_zero_warn(
            f"trainer.accumulate_grad_batches is {full}, of data of unknown length: if the "
            "last batches of an epoch are fewer, their update is smaller in proportion"
        )
    return full / min(full, left)
