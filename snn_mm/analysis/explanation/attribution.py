"""Which parts of the inputs a decision rests on: integrated gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_mm.analysis.explanation.asked import Asked
from snn_mm.errors import UserError
from snn_mm.neurons import is_spiking, reset_neurons

NEEDS_CAPTUM = 'integrated gradients need captum: pip install "snn_mm[explain]"'
STEPS, FEW_STEPS = 32, 8
"""Points of the integral, and of spiking networks whose inputs are `LARGE`, such as pictures.

Each point costs a spiking network all its time steps, and more buy little: a spiking ResNet-18 pair
that has hardly learned says of 12 points what has nothing to do with what it says of 32.
"""
LARGE = 50_000
"""Numbers of a sample."""
AT_ONCE, NUMBERS_AT_ONCE = 64, 1_000_000
"""Inputs that go through the network together, and the numbers in them; both at most."""


class Attribution(NamedTuple):
    """Integrated gradients of a batch.

    Attributes:
        values: `[N, ...]` by modality, in units of the logit or score.
        change: F(x) - F(0), `[N]`: what they should add up to.
        error: how far their sum misses it, `[N]`.
    """

    values: dict[str, Tensor]
    change: Tensor
    error: Tensor


def integrated_gradients(
    asked: Asked, classes: Tensor | None, steps: int | None = None
) -> Attribution:
    """IG_i = (x_i - x'_i) ∫₀¹ ∂F(x' + α (x - x')) / ∂x_i dα against x' = 0.

    F is the fused logit of a class, or the fused score. Source: Sundararajan et al., "Axiomatic
    attribution for deep networks" (ICML 2017), Eq. 1, by captum. For exact gradients the sum is
    F(x) - F(0) (completeness). A spike has no gradient: its surrogate stands in, so that of spiking
    networks the error says how far the surrogate leads from what the network does.

    Args:
        asked: network and batch.
        classes: whose logit, `[N]`; None for scores.
        steps: points of the integral; None takes `STEPS`, or `FEW_STEPS` of large inputs of spiking
            networks.

    Raises:
        UserError: captum is not installed.
    """
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        raise UserError(NEEDS_CAPTUM) from None
    names = asked.attributable
    inputs = tuple(asked.batch["inputs"][name].detach().clone() for name in names)
    size = sum(x[0].numel() for x in inputs)

    def forward(*changed: Tensor) -> Tensor:
        return asked.chosen(dict(zip(names, changed, strict=True)), classes)

    with torch.enable_grad(), torch.inference_mode(False):
        values = IntegratedGradients(forward).attribute(
            inputs,
            baselines=tuple(torch.zeros_like(x) for x in inputs),
            n_steps=steps or (FEW_STEPS if size > LARGE and is_spiking(asked.module) else STEPS),
            internal_batch_size=max(min(AT_ONCE, NUMBERS_AT_ONCE // size), len(inputs[0])),
        )
    with torch.no_grad():
        nothing = forward(*(torch.zeros_like(x) for x in inputs))
        change = asked.chosen(None, classes) - nothing
    reset_neurons(asked.module)
    found = {name: value.detach() for name, value in zip(names, values, strict=True)}
    total: Any = sum(value.flatten(1).sum(dim=1) for value in found.values())
    return Attribution(found, change, total - change)


def completeness(found: Attribution) -> str:
    """What the attributions add up to, and what they should."""
    change, error = float(found.change[0]), float(found.error[0])
    parts = ", ".join(f"{name} {float(x.sum()):+.3f}" for name, x in found.values.items())
    share = f" ({abs(error) / abs(change):.1%} of it)" if change else ""
    said = (
        f"Completeness: from zeros to this input the fused logit or score changes by "
        f"{change:+.4f}; the attributions add up to {change + error:+.4f} ({parts}). The error is "
        f"{error:+.4f}{share}. A spike has no gradient: where neurons spike the surrogate's "
        "stands in, and the error says how far that leads."
    )
    is_noise = abs(error) > abs(change)
    return f"{said} It is larger than the change: take the picture for noise." if is_noise else said
