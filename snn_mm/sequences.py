"""Sequences of different lengths in one batch: masks, means, and a common number of steps.

A sequence is `[N, L, D]` with lengths `[N]`, and inside a spiking network a `Sequence`, time first;
what lies beyond a length is padding, whatever values it holds, and never reaches a result. A length
of 0 is that of a sample without the modality.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from snn_mm.errors import UserError

Padding = Literal["masked", "averaged"]


class Sequence(NamedTuple):
    """Sequences with time first, and which of their steps are real.

    Attributes:
        x: `[T, N, D]`.
        valid: which positions are no padding, `[T, N]` in bool.
    """

    x: Tensor
    valid: Tensor

    @classmethod
    def of(cls, x: Tensor, lengths: Tensor) -> Sequence:
        """The sequence `[T, N, D]` of lengths `[N]`."""
        return cls(x, valid_mask(lengths, len(x)).T)

    @property
    def lengths(self) -> Tensor:
        """How many steps are valid, `[N]`."""
        return self.valid.sum(dim=0)

    def with_values(self, x: Tensor, weight: float = 1.0) -> Sequence:
        """The same steps with other, finite values `[T, N, D]`, weighted, and zero in the padding.

        One product does both: a mask would be two more passes over the values.
        """
        return self._replace(x=x * (weight * self.valid.unsqueeze(-1).to(x.dtype)))

    def pooled(self, last: bool = False) -> Tensor:
        """The mean of the valid steps or the last of them, `[N, D]`."""
        pool = last_valid if last else masked_mean
        return pool(self.x.transpose(0, 1), self.lengths)


def valid_mask(lengths: Tensor, steps: int) -> Tensor:
    """Which of `steps` positions are no padding, `[N, L]` in bool.

    Args:
        lengths: `[N]`.
        steps: L.

    Example:
        >>> valid_mask(torch.tensor([1, 2]), 3).tolist()
        [[True, False, False], [True, True, False]]
    """
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)  # [N, L]


def zero_padding(x: Tensor, lengths: Tensor) -> Tensor:
    """The sequence `[N, L, D]` with zeros beyond its length, also where there was NaN.

    Example:
        >>> zero_padding(torch.tensor([[[1.0], [3.0], [math.nan]]]), torch.tensor([2])).flatten()
        tensor([1., 3., 0.])
    """
    return x.masked_fill(~valid_mask(lengths, x.shape[1]).unsqueeze(-1), 0.0)


def masked_mean(x: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the valid steps of `[N, L, D]`, `[N, D]`; of none it is zero.

    Example:
        >>> masked_mean(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([2]))
        tensor([[2.]])
    """
    counts = lengths.clamp_min(1).unsqueeze(1)  # [N, 1]
    return zero_padding(x, lengths).sum(dim=1) / counts.to(x.dtype)  # [N, D]


def last_valid(x: Tensor, lengths: Tensor) -> Tensor:
    """The last valid step of `[N, L, D]`, `[N, D]`; of none, the first of all.

    Example:
        >>> last_valid(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([2]))
        tensor([[3.]])
    """
    rows = torch.arange(x.shape[0], device=x.device)
    return x[rows, (lengths.to(x.device) - 1).clamp_min(0)]


def pool_masked(x: Tensor, lengths: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Average over windows of valid steps; a window is as long as its valid steps.

    Args:
        x: `[N, L, D]`.
        lengths: `[N]`.
        window: steps that become one.

    Returns:
        `[N, ceil(L / window), D]`, zero where nothing is valid, and lengths `[N]`.

    Example:
        >>> x = torch.tensor([[[1.0], [3.0], [9.0]]])
        >>> pooled, lengths = pool_masked(x, torch.tensor([3]), window=2)
        >>> pooled.flatten(), lengths
        (tensor([2., 9.]), tensor([2]))
    """
    if window == 1:
        return zero_padding(x, lengths), lengths
    steps = -(-x.shape[1] // window)
    padded = x.new_zeros(x.shape[0], steps * window, x.shape[2])
    padded[:, : x.shape[1]] = zero_padding(x, lengths)
    sums = padded.reshape(x.shape[0], steps, window, -1).sum(dim=2)  # [N, steps, D]
    starts = torch.arange(steps, device=x.device) * window
    counts = (lengths.unsqueeze(1) - starts).clamp(1, window)  # [N, steps]
    return sums / counts.unsqueeze(-1).to(x.dtype), -(-lengths // window)


def pool_averaged(x: Tensor, max_length: int, steps: int) -> Tensor:
    """Average the whole padded sequence to `steps`, as MMSA does.

    Windows of ceil(max_length / steps), the last step repeated to fill the last window. Zeros of
    the padding are averaged in.

    Args:
        x: `[N, L, D]`; extended with zeros to `max_length`.
        max_length: length of the padded sequences in the feature file.
        steps: length of the result.

    Returns:
        `[N, steps, D]`.

    Example:
        >>> pool_averaged(torch.tensor([[[1.0], [3.0]]]), max_length=3, steps=2).flatten()
        tensor([2., 0.])
    """
    whole = x.new_zeros(x.shape[0], max_length, x.shape[2])
    whole[:, : x.shape[1]] = x
    window = -(-max_length // steps)
    tail = whole[:, -1:].expand(-1, window * steps - max_length, -1)
    windows = torch.cat([whole, tail], dim=1).reshape(x.shape[0], steps, window, -1)
    return windows.mean(dim=2)  # [N, steps, D]


def align_steps(
    inputs: dict[str, Tensor],
    lengths: dict[str, Tensor],
    max_lengths: dict[str, int],
    steps: int,
    padding: Padding = "masked",
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Bring sequences of all modalities to the same number of steps, at most `steps`.

    Each modality is averaged over windows of ceil(its longest / `steps`); it is never stretched.

    Args:
        inputs: `[N, L, D]` by modality.
        lengths: `[N]` by modality.
        max_lengths: length of the longest sequence of the data by modality, so that a clip does
            not depend on the others of its batch.
        steps: T.
        padding: `masked` averages valid steps alone; `averaged` is MMSA's rule, in which the zeros
            of the padding count and every one of T steps is valid, unless the length is 0.

    Returns:
        Sequences `[N, T', D]` with one T' <= T, and lengths `[N]`, by modality.

    Raises:
        UserError: a sequence is longer than `max_lengths` says.

    Example:
        >>> inputs, lengths = {"audio": torch.ones(1, 5, 1)}, {"audio": torch.tensor([4])}
        >>> align_steps(inputs, lengths, {"audio": 6}, steps=3)[1]  # windows of two
        {'audio': tensor([2])}
    """
    for name, x in inputs.items():
        if x.shape[1] > max_lengths[name]:
            raise UserError(
                f"model.max_lengths.{name} is {max_lengths[name]}, but a sequence of {x.shape[1]} "
                "steps came; set it to the longest of the data"
            )
    if padding == "averaged":
        full = {
            name: pool_averaged(zero_padding(x, lengths[name]), max_lengths[name], steps)
            for name, x in inputs.items()
        }
        return full, {name: steps * (lengths[name] > 0).to(lengths[name]) for name in inputs}
    pooled = {
        name: pool_masked(x, lengths[name], -(-max_lengths[name] // steps))
        for name, x in inputs.items()
    }
    longest = _longest(list(pooled.values()))
    sequences = {name: _resized(x, longest) for name, (x, _) in pooled.items()}
    return sequences, {name: length for name, (_, length) in pooled.items()}


def _longest(pooled: list[tuple[Tensor, Tensor]]) -> int:
    """T' of sequences `[N, L, D]` with lengths `[N]`; a file can't know lengths, and takes L."""
    if torch.compiler.is_exporting():
        return max(x.shape[1] for x, _ in pooled)
    # One look at all: each waits for the GPU.
    return int(torch.stack([lengths.max() for _, lengths in pooled]).max())


def _resized(x: Tensor, steps: int) -> Tensor:
    """Cut or extend `[N, L, D]` with zeros to `[N, steps, D]`."""
    if x.shape[1] >= steps:
        return x[:, :steps]
    return torch.cat([x, x.new_zeros(x.shape[0], steps - x.shape[1], x.shape[2])], dim=1)
