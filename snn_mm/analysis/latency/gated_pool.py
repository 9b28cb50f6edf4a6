"""Max-pools for spikes that are rates."""

from __future__ import annotations

from typing import Any, cast

import torch
from spikingjelly.activation_based.layer import SeqToANNContainer
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, max_pool2d


class GatedMaxPool(nn.Module):
    """Lets the spikes of the most active neuron of each window through, and no others.

    The maximum of spikes at each step has the rate of all neurons of a window together, which a
    longer run makes worse; the one that fired most so far has the largest rate (Rueckauer et al.,
    2017, section 2.2.6).

    Args:
        pool: the max-pool that an ANN has in its place.
    """

    def __init__(self, pool: nn.MaxPool2d | nn.AdaptiveMaxPool2d) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Spikes `[T, B, C, H', W']` of spikes `[T, B, C, H, W]`."""
        fired, passed = torch.zeros_like(x[0]), []
        for spikes in x:
            fired = fired + spikes
            places = self._places(fired)  # [B, C, H', W']
            chosen = spikes.flatten(-2).gather(-1, places.flatten(-2))
            passed.append(chosen.view(places.shape))
        return torch.stack(passed)  # [T, B, C, H', W']

    def _places(self, fired: Tensor) -> Tensor:
        kept: Any = {"return_indices": True}
        if isinstance(self.pool, nn.AdaptiveMaxPool2d):
            size: Any = self.pool.output_size
            _, places = adaptive_max_pool2d(fired, size, **kept)
        else:
            own = (self.pool.kernel_size, self.pool.stride, self.pool.padding, self.pool.dilation)
            _, places = max_pool2d(fired, *own, ceil_mode=self.pool.ceil_mode, **kept)
        return cast("Tensor", places)


def gate_pools(module: nn.Module) -> None:
    """Gate every max-pool in a module, in place."""
    parts = [p for p in module.modules() if not isinstance(p, SeqToANNContainer)]
    for part in parts:
        for name, child in list(part.named_children()):
            pool = child[0] if isinstance(child, SeqToANNContainer) and len(child) == 1 else child
            if isinstance(pool, nn.MaxPool2d | nn.AdaptiveMaxPool2d):
                part.register_module(name, GatedMaxPool(pool))
