"""Spikes as bits: what a layer behind neurons keeps of them in 16 bits, on the CPU.

torch keeps the input of a convolution or a linear layer in full, though a spike is 0 or 1. Here it
is kept as one bit a number, and becomes what it was when the backward pass asks for it. Both are
one sweep at the rate of a copy. Who trains in 16 bits does so to save memory; in float32 the two
sweeps took 2 % of a spiking ResNet-18's step to lower its peak by a tenth, so there they are left.

Numbers are taken in blocks of as many rows as a word has bits: bit k of word j is number j of row
k, so that both loops run along rows, which compiles to vector instructions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from snn_mm.neurons.fused_lif import Array, empty, fits, is_dense, memory
from snn_mm.neurons.loops.compiled import compiled
from snn_mm.neurons.loops.threads import in_chunks

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_SMALLEST = 1 << 18  # numbers below which memory does not count
_ROW = 256
_BITS = np.left_shift(1, np.arange(16)).astype(np.uint16)
"""One number for each bit of a word."""
_HALVES = (torch.bfloat16, torch.float16)


def packing(layer: nn.Module, x: Tensor) -> Tensor:
    """What a layer makes of `x` `[T, N, ...]`, of which it keeps bits if it is spikes.

    Any other input is kept as torch keeps it, after a look at its first numbers.
    """
    # The size last: in a trace it is a symbol, which asking would bind.
    halves = x.dtype in _HALVES or torch.is_autocast_enabled("cpu")
    packs = halves and torch.is_grad_enabled() and isinstance(layer, LAYERS) and fits(x)
    if not packs or x.numel() < _SMALLEST:
        return cast("Tensor", layer(x))
    with saved_tensors_hooks(_pack, _unpack):
        return cast("Tensor", layer(x))


@dataclass(frozen=True, eq=False)
class PackedSpikes:
    """Spikes that a graph keeps.

    Attributes:
        words: their bits `[blocks, 256]`.
        like: shape, strides and type of the tensor.
    """

    words: Array
    like: tuple[torch.Size, tuple[int, ...], torch.dtype]

    def tensor(self) -> Tensor:
        """The spikes `[...]`."""
        x = empty(*self.like)
        arguments = (memory(x, x.numel()), self.words, _BITS, _zero_one(x))
        in_chunks(_unpack_loop, len(self.words), len(_BITS) * _ROW, *arguments, piece=1)
        return x


@dataclass(frozen=True, eq=False)
class Unpacked:
    """What else a graph keeps, and how often it had been changed in place when it was kept."""

    kept: Tensor
    version: int

    def tensor(self) -> Tensor:
        """The tensor `[...]`, which must not have changed since."""
        if self.kept._version != self.version:
            raise RuntimeError(
                f"a tensor {list(self.kept.shape)} was changed in place after a layer had kept it "
                "for its backward pass"
            )
        return self.kept


def _pack(x: Tensor) -> PackedSpikes | Unpacked:
    if x.numel() < _SMALLEST or x.dtype not in _HALVES or not is_dense(x):
        return Unpacked(x.detach(), x._version)
    numbers, odd = memory(x, x.numel()), np.zeros(1, np.bool_)
    words = np.empty((-(-len(numbers) // (len(_BITS) * _ROW)), _ROW), _BITS.dtype)
    arguments = (numbers, words, _BITS, _zero_one(x), odd)
    in_chunks(_pack_loop, len(words), len(_BITS) * _ROW, *arguments, piece=1)
    if odd[0]:
        return Unpacked(x.detach(), x._version)
    return PackedSpikes(words, (x.shape, x.stride(), x.dtype))


def _unpack(kept: PackedSpikes | Unpacked) -> Tensor:
    return kept.tensor()


def _zero_one(x: Tensor) -> Array:
    """The bits of 0 and of 1 in the type of `x` `[...]`."""
    return memory(torch.tensor([0, 1], dtype=x.dtype), 2)


@compiled
def _pack_row(x: Any, words: Any, bit: Any, none: Any, zero: Any, one: Any) -> Any:
    """Set a bit of those words whose number is not 0; something else than 0 where one is not 1."""
    odd = zero
    for j in range(x.size):
        fired = x[j] != zero
        words[j] |= bit if fired else none
        odd |= x[j] ^ (one if fired else zero)
    return odd


@compiled
def _unpack_row(x: Any, words: Any, bit: Any, none: Any, zero: Any, one: Any) -> None:
    for j in range(x.size):
        x[j] = one if (words[j] & bit) != none else zero


@compiled
def _pack_loop(
    start: int, stop: int, x: Any, words: Any, bits: Any, zero_one: Any, odd: Any
) -> None:
    """Fill words start to stop, unless `odd` tells that a number is neither 0 nor 1."""
    none, width = bits[0] ^ bits[0], words.shape[1]
    for block in range(start, stop):
        words[block, :] = none
        for k in range(bits.size):
            low = (block * bits.size + k) * width
            row = x[low : low + width]
            if _pack_row(row, words[block], bits[k], none, zero_one[0], zero_one[1]) != 0:
                odd[0] = True
        if odd[0]:
            return


@compiled
def _unpack_loop(start: int, stop: int, x: Any, words: Any, bits: Any, zero_one: Any) -> None:
    """Fill `x` from words start to stop."""
    none, width = bits[0] ^ bits[0], words.shape[1]
    for block in range(start, stop):
        for k in range(bits.size):
            low = (block * bits.size + k) * width
            row = x[low : low + width]
            _unpack_row(row, words[block], bits[k], none, zero_one[0], zero_one[1])
