"""The fusion network of SGMT, and how it merges modalities.

The paper says that results of the modalities are merged and that neurons of the fusion network
integrate information from different modalities through ω, a matrix across neurons. It also speaks
of cross-modal attention. So the ways to read it have names.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Literal

import torch
from torch import Tensor, nn

from snn_mm.contracts import Presence
from snn_mm.errors import UserError
from snn_mm.modules.sgmt.layer import (
    NEURONS_PER_LAYER,
    Connection,
    LayerOptions,
    Slots,
    SpikingLayer,
)
from snn_mm.sequences import Sequence

Merge = Literal["features", "projection", "pairwise", "time"]
"""`features`: side by side at each step, so that ω connects neurons of different modalities;
`projection`: the same, brought back to the width of one; `pairwise`: each modality attends to each
other one; `time`: one after the other."""


Absent = Literal["zeros", "renormalised"]
"""What stands for a modality that a sample lacks where modalities meet. `zeros`: nothing, its place
is zero; `renormalised`: what is there makes up for it. Then a layer norm over features side by side
takes its statistics of those that are there, and a projection or a head gets them times M / n, of M
modalities of which n are there."""


class FusionNetwork(nn.Module):
    """Layers of connected neurons over the merged outputs of the single-modal networks.

    The neurons of a modality that a sample lacks get no current, and merged in time it has no step.
    A modality that is to attend to it attends to nothing: the layer passes on its normalised
    current alone.

    Args:
        modalities: their names, in order.
        width: d_m of each.
        layers: how many, for each pair of modalities where they are merged by pairs.
        merge: how modalities come together.
        options: of all layers.
        connection: of all layers; each gets a matrix of its own.
        absent: what stands for a modality that a sample lacks; see `Absent`.

    Attributes:
        out_width: width of what `forward` gives.
    """

    def __init__(
        self,
        modalities: tuple[str, ...],
        width: int,
        layers: int,
        merge: Merge,
        options: LayerOptions,
        connection: Connection,
        absent: Absent = "zeros",
    ) -> None:
        super().__init__()
        count = len(modalities)
        if merge == "pairwise" and count < 2:
            raise UserError("model.merge: pairwise needs at least two modalities")
        self.modalities, self.merge, self.absent = modalities, merge, absent
        self.pairs = list(permutations(modalities, 2)) if merge == "pairwise" else []
        inner = width * count if merge == "features" else width
        self.out_width = width * len(self.pairs) if self.pairs else inner
        self.projection = nn.Linear(width * count, width) if merge == "projection" else None
        stacks = len(self.pairs) or 1
        self.layers = nn.ModuleList(
            SpikingLayer(
                inner,
                options,
                replace(connection, seed=connection.seed + NEURONS_PER_LAYER * i),
                cross=bool(self.pairs),
            )
            for i in range(stacks * layers)
        )
        self.depth = layers

    def forward(
        self, sequences: dict[str, Sequence], present: Presence | None = None
    ) -> list[Sequence]:
        """Merged sequences `[T, N, D]`: one, or one for each ordered pair of modalities.

        Args:
            sequences: `[T, N, D]` by modality, without a valid step where it is absent.
            present: which samples have a modality, bool `[N]`; None where all have all.
        """
        slots, lacking = None, present is not None
        contexts: list[Sequence | None] = [None]
        if self.pairs:  # the first modality of a pair attends to the second
            merged = [sequences[own] for own, _ in self.pairs]
            contexts = [sequences[other] for _, other in self.pairs]
        else:
            there = None if present is None else self._there(sequences, present)
            merged = [self._merge([sequences[name] for name in self.modalities], there)]
            if there is not None and self.merge == "features":
                width = merged[0].x.shape[-1] // len(self.modalities)
                slots = Slots(there.repeat_interleave(width, dim=1), self.absent == "renormalised")
        for i, layer in enumerate(self.layers):
            stack, first = divmod(i, self.depth)
            given = None if first else slots
            merged[stack] = layer(merged[stack], contexts[stack], given, lacking)
        return merged

    def _there(self, sequences: dict[str, Sequence], present: Presence) -> Tensor:
        """Which samples have each modality, `[N, M]` in bool."""
        every = torch.ones_like(sequences[self.modalities[0]].valid[0])
        return torch.stack([present.get(name, every) for name in self.modalities], dim=1)

    def _merge(self, sequences: list[Sequence], there: Tensor | None) -> Sequence:
        if self.merge == "time":
            return concatenate_in_time(sequences)
        x = torch.cat([sequence.x for sequence in sequences], dim=-1)  # [T, N, M*D]
        if there is not None and self.projection is not None and self.absent == "renormalised":
            x = x * make_up(there, x.dtype)
        longest = torch.stack([sequence.valid for sequence in sequences]).any(dim=0)  # [T, N]
        return Sequence(x if self.projection is None else self.projection(x), longest)


def make_up(there: Tensor, dtype: torch.dtype) -> Tensor:
    """M / n `[N, 1]` of which of M modalities are there, `[N, M]` in bool, n of them."""
    counts = there.sum(dim=1, keepdim=True).to(dtype)
    return there.shape[1] / counts


def concatenate_in_time(sequences: list[Sequence]) -> Sequence:
    """One sequence after the other without the padding between them, `[M*T, N, D]`.

    Padding in the middle would let membranes leak for as long as the longest clip of a batch.
    """
    x, valid = map(torch.cat, zip(*sequences, strict=True))  # [M*T, N, D] and [M*T, N]
    order = (~valid).int().argsort(dim=0, stable=True)  # [M*T, N], valid steps first, in order
    values = x.gather(0, order.unsqueeze(-1).expand_as(x))
    return Sequence(values, valid.gather(0, order))
