"""Counts the weights that are read outside of the layers spikingjelly's memory counter knows."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from spikingjelly.activation_based.op_counter import ACCounter, MACCounter
from spikingjelly.activation_based.op_counter.base import BaseCounter
from torch import Tensor, nn

from snn_mm.energy.rules import PRODUCTS, Rule, bags_of_rows

aten = torch.ops.aten
BIAS = {
    aten.convolution.default: 2,
    **dict.fromkeys(
        (
            aten.addmm.default,
            aten.baddbmm.default,
            aten.addmv.default,
            aten.addr.default,
            aten.addbmm.default,
        ),
        0,
    ),
}
"""Which argument of a product is added to it."""


class WeightReads(BaseCounter):  # type: ignore[misc]
    """Bytes of weights and biases: a weight for each use, a bias for each output.

    spikingjelly asks linear layers and convolutions for them. Recurrent layers, attention,
    embeddings, transposed convolutions and what a module computes itself are counted here by the
    same rule, operation by operation.

    Args:
        model: whose parameters and buffers are the weights.
        mac: its rules tell the uses of a weight by numbers.
        ac: its rules tell those by spikes.
    """

    def __init__(self, model: nn.Module, mac: MACCounter, ac: ACCounter) -> None:
        super().__init__()
        self.ignore_modules = [nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d]
        held = [*model.parameters(), *model.buffers()]
        self._weights = {_storage(tensor) for tensor in held if tensor.numel()}
        for op in PRODUCTS:
            self.rules[op] = partial(self._product, mac.rules[op], ac.rules[op], BIAS.get(op))
        for op in (aten.add.Tensor, aten.add_.Tensor, aten.embedding.default):
            self.rules[op] = self._each_output
        self.rules[aten._embedding_bag.default] = self._bag

    def _product(
        self, mac: Rule, ac: Rule, bias: int | None, args: Any, kwargs: Any, out: Tensor
    ) -> int:
        operands = [x for place, x in enumerate(args) if place != bias]
        size = self._weight_size(operands)
        read = size * (mac(args, kwargs, out) + ac(args, kwargs, out)) if size else 0
        return read if bias is None else read + self._weight_size([args[bias]]) * out.numel()

    def _each_output(self, args: Any, kwargs: Any, out: Tensor) -> int:
        return self._weight_size(args[:2]) * out.numel()

    def _bag(self, args: Any, kwargs: Any, out: Any) -> int:
        return self._weight_size(args[:1]) * len(bags_of_rows(args)) * int(args[0].shape[1])

    def _weight_size(self, operands: Any) -> int:
        """Bytes of a number of the weight among operands; 0 if none of them is one."""
        tensors = [x for x in operands if isinstance(x, Tensor) and x.numel()]
        return max((x.element_size() for x in tensors if _storage(x) in self._weights), default=0)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
