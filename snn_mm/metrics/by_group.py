"""Right answers and all samples by group, over batches and ranks."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class GroupCounts(Metric):
    """Base of accuracies by group: counts in integers, which no order of batches or ranks changes.

    Args:
        groups: G, how many there are.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    right: Tensor
    total: Tensor

    def __init__(self, groups: int) -> None:
        super().__init__()
        for name in ("right", "total"):
            zeros = torch.zeros(groups, dtype=torch.int64)  # [G]
            self.add_state(name, default=zeros, dist_reduce_fx="sum")

    def count(self, is_right: Tensor, group: Tensor) -> None:
        """Count whether samples are right `[N]`, by their groups `[N]`."""
        # index_add, not bincount: it is deterministic on GPUs for integers, and needs no sync.
        self.right.index_add_(0, group, is_right.long())
        self.total.index_add_(0, group, torch.ones_like(group))
