"""What the mean of a rank or of a micro-batch counts for, so that all together are one mean."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import add

import torch
from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from snn_mm.contracts import FUSED, FUSION_ONLY, LossTerms, Presence
from snn_mm.presence import restricted, sample_counts

SEVERAL = "several"
"""Where samples are counted by modality: those that have more than one."""

WEIGHED = "weighed_"
"""Before a name: the sum of the weights that classes give to the samples counted by it."""

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


def weighed_counts(
    weights: Tensor, present: Presence | None, modalities: Sequence[str]
) -> dict[str, float]:
    """Sums of the weights of the samples that have a modality, and of all of them.

    Args:
        weights: of the samples, `[N]`.
        present: which samples have a modality, bool `[N]`; without it all.
        modalities: all there are.

    Example:
        >>> there = {"audio": torch.tensor([True, False])}
        >>> weighed_counts(torch.tensor([3.0, 1.0]), there, ["audio"])
        {'weighed_fused': 4.0, 'weighed_fusion_only': 4.0, 'weighed_audio': 3.0}
    """
    masks = restricted(present, modalities) or {}
    own = [weights * masks[name] if name in masks else weights for name in modalities]
    total, *sums = torch.stack([weights, *own]).sum(dim=1).tolist()  # one look at all
    every = {FUSED: total, FUSION_ONLY: total, **dict(zip(modalities, sums, strict=True))}
    return {f"{WEIGHED}{name}": value for name, value in every.items()}


def counted_by(term: str, counts: Collection[str]) -> str:
    """What a summand of the loss is counted by: `FUSED`, `SEVERAL`, or a modality.

    Where classes have weights, that of a head by their sum; what modulations add is not weighed.

    Example:
        >>> [counted_by(term, {"fused": 2, "audio": 1}) for term in ("fused", "pmr_audio", "x")]
        ['fused', 'audio', 'fused']
    """
    if term in COMPARING:
        return SEVERAL
    if (weighed := f"{WEIGHED}{term}") in counts:
        return weighed
    return next((n for n in counts if term == n or term.endswith(f"_{n}")), FUSED)


def shares_of_union(
    counts: Mapping[str, float], trainer: Trainer, device: torch.device
) -> dict[str, float]:
    """What each mean of this rank counts for, so that DDP's mean is that of the union batch.

    1 unless ranks differ in their number of samples, as in a short last batch or where some lack a
    modality. One reduction for all: every rank must ask, with the same names.
    """
    own = torch.tensor(list(counts.values()), dtype=torch.float32, device=device)
    total = trainer.strategy.reduce(own, reduce_op="sum").tolist()
    ranks = trainer.world_size
    return {n: own * ranks / (all_of or 1.0) for (n, own), all_of in zip(counts.items(), total)}


def by_count(terms: LossTerms, counts: Collection[str]) -> LossTerms:
    """The summands that are counted by the same, added up, by what they are counted by.

    Args:
        terms: scalars by name.
        counts: names of what samples are counted by.

    Example:
        >>> terms = {"fused": torch.tensor(1.0), "x": torch.tensor(2.0), "audio": torch.tensor(3.0)}
        >>> by_count(terms, ["fused", "audio"])
        {'fused': tensor(3.), 'audio': tensor(3.)}
    """
    added: LossTerms = {}
    for name, term in terms.items():
        group = counted_by(name, counts)
        added[group] = added[group] + term if group in added else term
    return added


def weighed_by_union(terms: LossTerms, loss: Tensor, shares: Mapping[str, float]) -> Tensor:
    """The loss of this rank, each of its summands times its share of the union.

    Args:
        terms: scalars by name.
        loss: their sum.
        shares: by what they are counted.
    """
    if len(set(shares.values())) == 1:
        return loss * shares[FUSED]
    return reduce(add, [term * shares[name] for name, term in by_count(terms, shares).items()])


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
