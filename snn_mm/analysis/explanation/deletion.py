"""Deletion and insertion curves: whether an explanation names what the network looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from snn_mm.analysis.explanation.asked import Asked

SHARES = tuple(step / 10 for step in range(11))
"""Of the elements of each input that were taken away, or put in."""


class Curves(NamedTuple):
    """Value of the prediction `[S, N]` as ever more of the inputs goes, or comes."""

    deletion: Tensor
    insertion: Tensor


def ranks(values: Tensor) -> Tensor:
    """Place of each element of a sample, 0 for the largest, as a share of all: `[N, E]` in [0, 1).

    Args:
        values: importance `[N, ...]`.

    Example:
        >>> ranks(torch.tensor([[0.1, 5.0, 3.0, -1.0]]))
        tensor([[0.5000, 0.0000, 0.2500, 0.7500]])
    """
    flat = values.flatten(1)
    order = flat.argsort(dim=1, descending=True, stable=True)
    places = torch.arange(flat.shape[1], dtype=torch.get_default_dtype(), device=flat.device)
    placed = torch.empty(flat.shape, dtype=places.dtype, device=flat.device)
    return placed.scatter_(1, order, places.expand_as(placed) / flat.shape[1])


def area(curve: Tensor) -> Tensor:
    """Area under curves `[S, N]` over [0, 1] by trapezoids, `[N]`.

    Example:
        >>> area(torch.tensor([[1.0], [0.5], [0.0]]))
        tensor([0.5000])
    """
    between = (curve[1:] + curve[:-1]) / 2
    return between.mean(dim=0)


@torch.no_grad()
def curves(asked: Asked, importance: Mapping[str, Tensor], classes: Tensor | None) -> Curves:
    """Take the most important elements away first, or put them in first.

    What is taken away is 0. The value is the probability of a class; of scores, minus the distance
    from what the network says of the whole. Source: Petsiuk et al., "RISE" (BMVC 2018), section 4.

    Args:
        asked: network and batch of N samples.
        importance: `[N, ...]` by modality, shaped as the inputs.
        classes: whose probability, `[N]`; None for scores.
    """
    placed = {name: ranks(values).view_as(values) for name, values in importance.items()}
    inputs, whole = asked.batch["inputs"], asked.fused()

    def value(is_kept: Mapping[str, Tensor]) -> Tensor:
        said = asked.fused({name: inputs[name] * mask for name, mask in is_kept.items()})
        if classes is None:
            return -(said - whole).abs()
        return said.softmax(dim=-1).gather(-1, classes.unsqueeze(-1)).squeeze(-1)

    deleted = [value({n: p >= share for n, p in placed.items()}) for share in SHARES]
    inserted = [value({n: p < share for n, p in placed.items()}) for share in SHARES]
    return Curves(torch.stack(deleted), torch.stack(inserted))


def random_importance(importance: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Importance in an order that is drawn, `[N, ...]` by modality."""
    source = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(values.shape, generator=source).to(values.device)
        for name, values in importance.items()
    }
