"""What a fusion is given for samples that lack a modality."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from snn_mm.contracts import Presence


def masked(features: dict[str, Tensor], present: Presence | None) -> dict[str, Tensor]:
    """Features `[T, N, D]` by modality, zero for samples that lack it, whatever stood there.

    Example:
        >>> masked({"audio": torch.full((1, 1, 1), math.nan)}, {"audio": torch.tensor([False])})
        {'audio': tensor([[[0.]]])}
    """
    if present is None:
        return features
    return {
        name: x.masked_fill(~present[name].unsqueeze(-1), 0.0) if name in present else x
        for name, x in features.items()
    }


def with_tokens(
    features: dict[str, Tensor], present: Presence, tokens: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Features `[T, N, D]` by modality, a token `[D]` for samples that lack it.

    Example:
        >>> features, there = {"audio": torch.zeros(1, 1, 1)}, {"audio": torch.tensor([False])}
        >>> with_tokens(features, there, {"audio": torch.tensor([3.0])})
        {'audio': tensor([[[3.]]])}
    """
    return {
        name: torch.where(present[name].unsqueeze(-1), x, tokens[name].to(x.dtype))
        if name in present
        else x
        for name, x in features.items()
    }


def renormalised(features: dict[str, Tensor], present: Presence) -> dict[str, Tensor]:
    """Features `[T, N, D]` by modality times M / m, m of M modalities being there.

    Args:
        features: zero for samples that lack the modality.
        present: which samples have it, bool `[N]` by modality.

    Example:
        >>> features = {"audio": torch.ones(1, 1, 1), "visual": torch.zeros(1, 1, 1)}
        >>> renormalised(features, {"visual": torch.tensor([False])})["audio"]
        tensor([[[2.]]])
    """
    masks = [present[name] for name in features if name in present]
    there = torch.stack(masks).sum(dim=0) + len(features) - len(masks)  # [N]
    scale = (len(features) / there.clamp_min(1)).unsqueeze(-1)  # [N, 1]
    return {name: x * scale.to(x.dtype) for name, x in features.items()}
