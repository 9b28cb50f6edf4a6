"""Growing classifiers: rows for new classes, the rows of old ones as they were."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snn_mm.errors import UserError
from snn_mm.fusion import Fusion


def growing_layers(fusion: Fusion) -> list[nn.Linear]:
    """The linear layers of a fusion that have one row per class: its classifiers and heads.

    Raises:
        UserError: the fusion has none, so it cannot learn further classes.
    """
    own = {id(parameter) for parameter in fusion.classifier_parameters()}
    own |= {id(parameter) for parameter in fusion.heads.parameters()}
    layers = [
        layer
        for layer in fusion.modules()
        if isinstance(layer, nn.Linear)
        and id(layer.weight) in own
        and layer.out_features == fusion.num_classes
    ]
    if not layers:
        raise UserError(
            f"model.fusion: {type(fusion).__name__} has no linear classifier that could grow\n"
            "accepted: Added, AVAttention, Concat, Sum, FiLM, Gated and the spiking fusions"
        )
    return layers


def resize(fusion: Fusion, num_classes: int, generator: torch.Generator | None = None) -> None:
    """Give every classifier and head of a fusion `num_classes` rows, in place.

    Parameters are replaced: an optimizer or a DDP wrapper made before does not know the new ones.

    Args:
        fusion: its layers keep their device and type.
        num_classes: K afterwards; fewer than before cuts rows off, as loading an older state needs.
        generator: source of the new rows, on the CPU; without it they are zero.
    """
    for layer in growing_layers(fusion):
        bound = layer.in_features**-0.5  # what `nn.Linear` draws weight and bias from
        layer.weight = resized(layer.weight, num_classes, bound, generator)
        if layer.bias is not None:
            layer.bias = resized(layer.bias, num_classes, bound, generator)
        layer.out_features = num_classes
    fusion.num_classes = num_classes


def resized(
    old: Tensor, rows: int, bound: float, generator: torch.Generator | None
) -> nn.Parameter:
    """A parameter `[rows, ...]` that begins with the rows of `old` `[K, ...]`.

    Args:
        old: the parameter so far.
        rows: how many there are afterwards.
        bound: new rows are uniform in [-bound, bound).
        generator: their source, on the CPU, so that every device draws the same; None: zeros.
    """
    kept = old.detach()[:rows]
    fresh = torch.zeros(rows - len(kept), *old.shape[1:], dtype=torch.float32)
    if generator is not None:
        fresh.uniform_(-bound, bound, generator=generator)
    return nn.Parameter(torch.cat([kept, fresh.to(old)]), old.requires_grad)  # [rows, ...]


def row_generator(seed: int, task: int) -> torch.Generator:
    """The source of a task's new rows: a function of the seed and the task alone."""
    return torch.Generator().manual_seed(seed * 1_000_003 + task)
