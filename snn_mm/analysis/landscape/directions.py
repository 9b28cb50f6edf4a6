"""Random directions in the space of weights, scaled filter by filter.

Li et al., "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018, section 4.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import torch
from torch import Tensor

from snn_mm.analysis.landscape.settings import Vectors

Direction = dict[str, Tensor]
"""One step by parameter name, each of its parameter's shape."""


def normalise_filters(direction: Tensor, weight: Tensor) -> Tensor:
    """Give each filter of a direction the norm of the trained filter (Li et al., section 4).

    d_i ← d_i ‖w_i‖ / ‖d_i‖, where filter i is what makes output i: a kernel `[C', ...]` of a
    convolution, a row of a linear layer, a whole vector `[C]`. It takes out the scale of the
    weights, which batch norm and ReLU leave without meaning, so that runs can be compared.

    Args:
        direction: random numbers, of the weight's shape `[C, ...]` or `[C]`.
        weight: the trained weight.

    Returns:
        The scaled direction; zero where the trained filter is zero.
    """
    filters = weight.flatten(1) if weight.dim() > 1 else weight[None]  # [C, ...] -> [C, D]
    drawn = direction.reshape(filters.shape)
    smallest = torch.finfo(drawn.dtype).tiny
    lengths = torch.linalg.vector_norm(drawn, dim=1, keepdim=True).clamp_min(smallest)
    scales = torch.linalg.vector_norm(filters, dim=1, keepdim=True) / lengths  # [C, 1]
    scaled: Tensor = drawn * scales
    return scaled.reshape(weight.shape)


def draw_direction(
    weights: Mapping[str, Tensor], seed: int, axis: int, vectors: Vectors = "ignored"
) -> Direction:
    """One random direction: Gaussian, then normalised by filter.

    What is drawn depends on seed, axis and the parameter's name and shape alone, so that two runs
    of one architecture are cut along the same random numbers.

    Args:
        weights: trained parameters by name.
        seed: of the draw.
        axis: 0 for the first direction, 1 for the second.
        vectors: what happens to biases and batch-norm parameters.
    """
    return {
        name: torch.zeros_like(weight)
        if weight.dim() < 2 and vectors == "ignored"
        else normalise_filters(_gaussian(weight, f"{seed}/{axis}/{name}"), weight)
        for name, weight in weights.items()
    }


def _gaussian(weight: Tensor, key: str) -> Tensor:
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
    return drawn.to(weight)  # drawn on the CPU: every device cuts along the same direction
