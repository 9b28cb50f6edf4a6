"""What encoders of feature sequences share: sequences of any length become S steps of neurons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import get_args

from torch import Tensor, nn

from snn_mm.encoders.base import Encoder
from snn_mm.encoders.windows import Statistic, window_statistics
from snn_mm.errors import UserError, check_choice, check_range


class SequenceEncoder(Encoder):
    """Base of the encoders whose neurons live in the time of a feature sequence `[N, L, D]`.

    The steps of each sequence, however many, are cut into S windows of its own length, and a window
    becomes one step: so padding reaches nothing, all sequences have the same number of steps, and
    batch norm counts each alike. Fast and slow versions of the same thing look alike; how long a
    sequence was is lost. Features are averaged over S / T steps each, down to the T that all
    modalities share; with T = S they are spikes. The ANN twin has the same S steps and T = 1: its
    features are the mean over time.

    Args:
        in_features: D of the sequence.
        time_steps: T of the features, a divisor of `steps`; 1 for the ANN twin.
        steps: S, the time steps of the neurons.
        statistics: what a window becomes: its `mean`, `std`, `min`, `max`, or several of them, and
            `delta`, the mean change from step to step: a film of a mouth is read by how it moves.
        input_norm: normalise what goes in by batch norm without weights.
    """

    takes_lengths = True

    def __init__(
        self,
        in_features: int,
        time_steps: int = 4,
        steps: int = 16,
        statistics: Sequence[Statistic] = ("mean",),
        input_norm: bool = True,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_statistics(name, statistics)
        check_range(f"{name}: time_steps", time_steps, 1)
        if steps < 1 or steps % time_steps:
            raise UserError(
                f"{name}: steps is {steps}; accepted: a multiple of time_steps ({time_steps})"
            )
        self.in_features, self.time_steps, self.steps = in_features, time_steps, steps
        self.statistics = tuple(statistics)
        self.in_width = in_features * len(statistics)
        self.input_norm = input_normalisation(self.in_width, input_norm)

    @abstractmethod
    def body(self, signal: Tensor) -> Tensor:
        """Features `[S, N, D]` of a signal `[S, N, D']` without padding."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode sequences `[N, L, D]` of lengths `[N]`, or all of L, to features `[T, N, D]`."""
        check_sequences(type(self).__name__, x, self.in_features)
        steps = window_statistics(x, full(x, lengths), self.steps, self.statistics)  # [N, S, D']
        signal = self.input_norm(steps.transpose(0, 1).flatten(0, 1))  # [S*N, D']
        features = self.body(signal.view(self.steps, x.shape[0], -1))  # [S, N, D]
        return features.reshape(self.time_steps, -1, *features.shape[1:]).mean(dim=1)  # [T, N, D]

    def cut(self, chunk: Tensor) -> None:
        """Refuse: windows of a sequence `[N, L, D]` are known when it has ended."""
        raise UserError(self._timeless("it cuts a sequence into windows when its end is known"))


def full(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Lengths `[N]` of sequences `[N, L, D]`, which are L if nobody says otherwise."""
    every = x.new_full((x.shape[0],), x.shape[1]).long()
    return every if lengths is None else lengths


def input_normalisation(width: int, wanted: bool) -> nn.Module:
    """Batch norm of inputs `[N, D]` without weights, or nothing.

    Inputs in units that differ by orders of magnitude would otherwise decide by their units how
    much they count at first, and how much of them weight decay lets stand.
    """
    return nn.BatchNorm1d(width, affine=False) if wanted else nn.Identity()


def check_statistics(name: str, statistics: Sequence[str]) -> None:
    """Refuse what is no list of statistics, for an encoder `name`."""
    if not statistics or len(set(statistics)) < len(statistics):
        raise UserError(
            f"{name}: statistics is {list(statistics)}; accepted: some of "
            f"{', '.join(get_args(Statistic))}, each once"
        )
    for statistic in statistics:
        check_choice(f"{name}: statistics", statistic, get_args(Statistic))


def check_sequences(name: str, x: Tensor, in_features: int) -> None:
    """Refuse what are no sequences `[N, L, D]` of a width, for an encoder `name`."""
    if x.dim() != 3 or x.shape[-1] != in_features or not x.shape[1]:
        raise UserError(
            f"{name}: an input must be [N, L, {in_features}], this one is {list(x.shape)}\n"
            "Set in_features to what the data module delivers."
        )
