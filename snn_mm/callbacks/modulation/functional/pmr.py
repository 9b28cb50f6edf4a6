"""PMR: prototypical modal rebalance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

PMRForm = Literal["paper", "released"]


class PMRWeights(NamedTuple):
    """What the prototype terms of one batch weigh, by modality.

    Attributes:
        accelerate: of the prototypical cross-entropy, for modalities that lag behind.
        entropy: of the entropy bonus, for modalities that are ahead.
    """

    accelerate: dict[str, float]
    entropy: dict[str, float]


def prototype_logits(features: Tensor, prototypes: Tensor) -> Tensor:
    """Negative Euclidean distance to each class's prototype; softmax gives PMR's p.

    Source: Fan et al., "PMR: Prototypical Modal Rebalance for Multimodal Learning", CVPR 2023.

    Args:
        features: `[N, D]`.
        prototypes: `[K, D]`.

    Returns:
        Logits `[N, K]` in at least float32.

    Example:
        >>> prototype_logits(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2))
        tensor([[-5.]])
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    # Exact distances: the shortcut by a matrix product loses all digits of nearby points.
    return -torch.cdist(
        features.to(dtype), prototypes.to(dtype), compute_mode="donot_use_mm_for_euclid_dist"
    )


def class_sums(features: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Sum of the features of each class.

    Args:
        features: `[N, D]`, of any type.
        target: class indices `[N]`.
        num_classes: K.

    Returns:
        `[K, D]` in float64, so that batches and ranks add up without loss; without gradient.

    Example:
        >>> class_sums(torch.tensor([[1.0], [2.0], [5.0]]), torch.tensor([0, 0, 1]), 2).tolist()
        [[3.0], [5.0]]
    """
    sums = features.new_zeros(num_classes, features.shape[1], dtype=torch.float64)  # [K, D]
    return sums.index_add_(0, target, features.detach().to(torch.float64))


def updated_prototypes(
    sums: Tensor, counts: Tensor, before: Tensor | None, momentum: float = 0.2
) -> Tensor:
    """Prototypes after an epoch: mostly its class means, in part the old prototypes.

    c_k = (1 - ε) · mean of class k + ε · old c_k, as in the released code, where ε = 0.2 weighs the
    old ones. The first epoch has no old ones; a class that did not occur keeps its old one.

    Source: Fan et al., CVPR 2023, `calculate_prototype` in `main_Prototype_grad.py`.

    Args:
        sums: sums of the features of each class `[K, D]`.
        counts: samples of each class `[K]`.
        before: prototypes `[K, D]` before the epoch, if there are any.
        momentum: ε in [0, 1).

    Returns:
        Prototypes `[K, D]`.

    Example:
        >>> sums, counts, before = torch.tensor([[6.0]]), torch.tensor([2]), torch.tensor([[8.0]])
        >>> updated_prototypes(sums, counts, before)  # 0.8 * 3 + 0.2 * 8
        tensor([[4.]])
    """
    means = sums / counts.clamp_min(1).unsqueeze(1)  # [K, D]
    if before is None:
        return means
    seen = (counts > 0).unsqueeze(1)  # [K, 1]
    return torch.where(seen, (1 - momentum) * means + momentum * before, before)


def pmr_weights(ratios: Mapping[str, float], form: PMRForm = "paper") -> PMRWeights:
    """Weights of the prototype terms from the imbalance ratios ρ.

    `paper`: a modality is accelerated by clip(1 / ρ_m - 1, 0, 1), and its entropy raised by
    clip(ρ_m - 1, 0, 1). For two modalities these are the paper's β and γ: clip(1 / ρ - 1, 0, 1)
    accelerates the first and holds the second back, clip(ρ - 1, 0, 1) the other way round.
    `released`: 1 accelerates every modality with ρ_m < 1, and there is no entropy term.

    Source: Fan et al., CVPR 2023, section 3, and their code.

    Args:
        ratios: ρ_m = s_m / mean of the others' s, by modality, s from the prototypes.
        form: the paper's equations or the released code.

    Returns:
        Weights in [0, 1], without unit.

    Example:
        >>> pmr_weights({"audio": 2.0, "visual": 0.5})
        PMRWeights(accelerate={'audio': 0.0, 'visual': 1.0}, entropy={'audio': 1.0, 'visual': 0.0})
    """
    if form == "released":
        lagging = {name: float(ratio < 1.0) for name, ratio in ratios.items()}
        return PMRWeights(lagging, dict.fromkeys(ratios, 0.0))
    # 1 / ρ - 1 reaches 1 at ρ = 1 / 2, so nothing is lost where ρ vanishes.
    accelerate = {name: clip(1.0 / max(ratio, 0.5) - 1.0) for name, ratio in ratios.items()}
    return PMRWeights(accelerate, {name: clip(ratio - 1.0) for name, ratio in ratios.items()})


def clip(value: float) -> float:
    """The value, cut to [0, 1]."""
    return min(1.0, max(0.0, value))


def mean_entropy(logits: Tensor) -> Tensor:
    """Mean entropy of the softmax over a batch: PMR's regulariser H.

    Args:
        logits: `[N, K]`.

    Returns:
        A scalar in nats, at most log K.

    Example:
        >>> mean_entropy(torch.zeros(3, 4))  # log 4
        tensor(1.3863)
    """
    logs = logits.log_softmax(dim=-1)  # [N, K]
    return -(logs.exp() * logs).sum(dim=-1).mean()  # [N, K] -> [N] -> scalar
