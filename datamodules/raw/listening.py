"""A spectrogram that moves on with the sound that comes in, column by column."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from datamodules.signal.hops import Hops, Resampling


class Listener:
    """The last columns of a spectrogram, and the input that they are.

    Args:
        rates: of the sound that comes in, and of the one that the spectrogram is of, in Hz.
        hops: how columns are made.
        columns: L, how many there are; silence stands before the start.
        finish: makes columns `[F, L]` the input `[1, F', L']` of a network.
    """

    def __init__(
        self,
        rates: tuple[int, int],
        hops: Hops,
        columns: int,
        finish: Callable[[Tensor], Tensor],
    ) -> None:
        self.resampling, self.hops, self.finish = Resampling(*rates), hops, finish
        self.rest, self.state = self.resampling.start(), hops.start()
        self.columns = hops.silence(self.state).repeat(1, columns)  # [F, L]

    def hear(self, samples: Tensor) -> None:
        """Move on by samples `[n]` between -1 and 1."""
        wave, self.rest = self.resampling.step(samples, self.rest)
        new, self.state = self.hops.step(wave.clamp(-1, 1), self.state)
        kept = self.columns.shape[-1]
        self.columns = torch.cat([self.columns, new], dim=-1)[:, -kept:]

    def input(self) -> Tensor:
        """What a network gets now."""
        return self.finish(self.columns)
