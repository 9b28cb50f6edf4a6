"""Sound that comes in piece by piece, to the samples and columns that the whole would have.

The state that one step leaves is what the next needs of the past: it is a tensor of the caller's,
shorter than a window, whatever came before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torchaudio.transforms import Resample

FILTER_WIDTH, ROLL_OFF = 6, 0.99
"""Zero crossings and cut-off of torchaudio's filter, as `Resample` has them by default."""


@dataclass(frozen=True)
class Hops:
    """Columns of a spectrogram, each as soon as the samples under its window are there.

    Attributes:
        columns: of samples `[n]` all columns `[F, 1 + (n - window) // hop]` whose windows end
            within them.
        window: samples that a column sees.
        hop: samples from one column to the next.
        lead: zeros before the first sample, that the spectrogram of the whole has there.
    """

    columns: Callable[[Tensor], Tensor]
    window: int
    hop: int
    lead: int = 0

    def start(self) -> Tensor:
        """The state before the first sample."""
        return torch.zeros(self.lead)

    def step(self, samples: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Go on by a piece of sound.

        Args:
            samples: `[n]`, any n.
            state: left by the piece before; it stays as it is.

        Returns:
            The columns `[F, l]` that are complete now and were not before, and the state after it.
        """
        wave = torch.cat([state.to(samples), samples])
        count = max(0, 1 + (len(wave) - max(self.window, self.hop)) // self.hop)
        if not count:
            return self.silence(samples)[:, :0], wave
        columns = self.columns(wave[: (count - 1) * self.hop + self.window])
        return columns, wave[count * self.hop :]

    def silence(self, like: Tensor) -> Tensor:
        """The column `[F, 1]` of digital silence, of the type of another tensor."""
        return self.columns(like.new_zeros(self.window))


class Resampling:
    """Samples at another rate, each as soon as what its filter sees is there.

    Args:
        before: rate of what comes in, in Hz.
        after: rate of what goes out.
    """

    def __init__(self, before: int, after: int) -> None:
        shared = math.gcd(before, after)
        self.taken, self.given = before // shared, after // shared  # samples of a block
        width = math.ceil(FILTER_WIDTH * self.taken / (min(self.taken, self.given) * ROLL_OFF))
        self.beside = 0 if before == after else math.ceil(width / self.taken)  # blocks it sees
        self.filter = Resample(before, after)

    def start(self) -> Tensor:
        """The state before the first sample: silence, as the filter sees there."""
        return torch.zeros(self.beside * self.taken)

    def step(self, samples: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Go on by a piece of sound.

        Args:
            samples: `[n]`, any n.
            state: left by the piece before; it stays as it is.

        Returns:
            The samples `[m]` that are complete now and were not before, and the state after it.
        """
        wave = torch.cat([state.to(samples), samples])
        blocks = len(wave) // self.taken - 2 * self.beside
        if blocks <= 0:
            return samples[:0], wave
        seen = wave[: (blocks + 2 * self.beside) * self.taken]
        begin = self.beside * self.given
        resampled: Tensor = self.filter.to(samples.dtype)(seen)
        return resampled[begin : begin + blocks * self.given], wave[blocks * self.taken :]
