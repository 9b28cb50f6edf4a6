"""The mean of a loss over an epoch, of summands that are means over different samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric


class LossMean(Metric):
    """A loss over all batches and ranks, each summand over all samples that it is of.

    Where samples lack modalities or classes have weights, the mean over batches of their losses
    would depend on how an epoch is cut into batches; this doesn't.

    Args:
        groups: what samples are counted by.

    Example:
        >>> mean = LossMean(["fused", "audio"])
        >>> mean.add({"fused": torch.tensor(1.0), "audio": torch.tensor(4.0)}, 2)
        >>> mean.add({"fused": torch.tensor(1.0), "audio": torch.tensor(1.0)},
        ...          {"fused": 2, "audio": 1})
        >>> mean.compute()  # 1 + (2 · 4 + 1) / 3
        tensor(4.)
    """

    full_state_update = False
    sums: Tensor
    counts: Tensor

    def __init__(self, groups: Sequence[str]) -> None:
        super().__init__()
        self.groups = tuple(groups)
        for state in ("sums", "counts"):
            self.add_state(state, torch.zeros(len(self.groups)), dist_reduce_fx="sum")

    def add(self, means: Mapping[str, Tensor], counts: Mapping[str, float] | float) -> None:
        """Count one batch.

        Args:
            means: scalars by group.
            counts: of samples behind them, by group; or of them all.
        """
        # Numbers are multiplied and filled in on the device: a copy would wait for a GPU.
        like = next(iter(means.values()))
        like = like.new_zeros((), dtype=torch.promote_types(like.dtype, torch.float32))
        own = counts if isinstance(counts, Mapping) else dict.fromkeys(means, counts)
        sums = {name: value.detach().to(like) * own[name] for name, value in means.items()}
        every = torch.stack([sums.get(name, like) for name in self.groups])
        if isinstance(counts, Mapping):
            filled = [torch.full_like(like, own.get(name, 0.0)) for name in self.groups]
            self.update(every, torch.stack(filled))
        else:
            self.update(every, float(counts))

    def update(self, sums: Tensor, counts: Tensor | float) -> None:
        """Add sums `[G]` of losses and how many samples stand behind them, `[G]` or one for all."""
        self.sums = self.sums + sums
        self.counts = self.counts + counts

    def compute(self) -> Tensor:
        """The sum of the means."""
        return (self.sums / self.counts.masked_fill(self.counts == 0, 1.0)).sum()
