"""The firing rate in the scale of spike-generated attention.

The paper says nothing of the rate in evaluation; a running rate makes a clip independent of its
batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

from snn_mm.errors import UserError


class FiringRate(nn.Module):
    """Rate of a spike train: of the batch in training, the running one in evaluation.

    The running rate is the plain mean over training batches until their number makes it slower than
    `momentum`; a moving average that begins with the first batch would remember the untrained
    network for thousands of steps. A batch in which nothing could fire does not count. Before any
    training, a clip is judged by its own rate.

    Args:
        momentum: share of the running rate that a batch leaves as it is.
    """

    running: Tensor
    batches: Tensor

    def __init__(self, momentum: float = 0.999) -> None:
        super().__init__()
        if not 0.0 <= momentum < 1.0:
            raise UserError(f"attention: momentum must be in [0, 1), not {momentum!r}")
        self.momentum = momentum
        self.register_buffer("running", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, spikes: Tensor, valid: Tensor | None = None) -> Tensor:
        """Spikes per neuron and step, without gradient: `[]`, or `[N]` before any training.

        Args:
            spikes: `[T, N, D]`.
            valid: which positions count, `[T, N]` in bool; None is all.
        """
        exporting = torch.compiler.is_exporting()  # then no value can be looked at
        if not self.training and not exporting and int(self.batches) > 0:
            return self.running
        fired, places = _spikes_and_places(spikes.detach(), valid)  # [N], [N]
        if not self.training:
            own = fired / places.clamp_min(1.0)
            return torch.where(self.batches > 0, self.running, own) if exporting else own
        rate, there = _mean_over_ranks(fired.sum(), places.sum())
        kept = (self.batches / (self.batches + 1)).clamp_max(self.momentum)
        running = kept * self.running + (1.0 - kept) * rate
        self.running.copy_(torch.where(there, running, self.running))
        self.batches += there
        return rate


def _spikes_and_places(spikes: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Of each sample `[N]`, at least in float32: how many spikes there are, and could be."""
    steps, _, width = spikes.shape
    dtype = torch.promote_types(spikes.dtype, torch.float32)
    fired = spikes.sum(dim=-1, dtype=dtype)  # [T, N, D] -> [T, N]
    if valid is None:
        total = fired.sum(dim=0)
        return total, torch.full_like(total, steps * width)
    places = valid.sum(dim=0, dtype=dtype) * width
    return fired.masked_fill(~valid, 0.0).sum(dim=0), places


def _mean_over_ranks(fired: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Rate of the batches of all ranks together: a scale of its own would set each rank apart.

    And whether there was anything to fire; not so if no sample of any has the modality.
    """
    counts = torch.stack([fired, places])
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(counts)
    return counts[0] / counts[1].clamp_min(1.0), counts[1] > 0
