"""Counting rules that spikingjelly's counters lack: more products, norms, bags of embeddings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from spikingjelly.activation_based.op_counter import ACCounter, MACCounter, SynOpCounter
from spikingjelly.activation_based.op_counter.base import BaseCounter
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
Pair = tuple[Tensor, Tensor]
Rule = Callable[[Any, Any, Any], int]


def _bilinear(first: Tensor, weight: Tensor, second: Tensor, *_: Any) -> Pair:
    """A bilinear layer is a linear one on the products of its inputs: one weight for each pair."""
    pairs = first.unsqueeze(-1) * second.unsqueeze(-2)  # [N, D, E]: only such a layer calls it
    return pairs.flatten(1).unsqueeze(0), weight.flatten(1).t().unsqueeze(0)


def _matrix(_: Tensor, x: Tensor, y: Tensor, alpha: float = 1, **__: Any) -> Pair:
    return alpha * x.view(-1, *x.shape[-2:]), y.view(-1, *y.shape[-2:])


KNOWN_PRODUCTS = (
    aten.mm.default,
    aten.addmm.default,
    aten.bmm.default,
    aten.baddbmm.default,
    aten.convolution.default,
)
"""What spikingjelly counts: matrix products and convolutions."""

SCALED = (aten.addmm.default, aten.baddbmm.default)
"""Those of them that it takes for nothing if spikes are scaled on the way in (`alpha`)."""

MORE_PRODUCTS: dict[Any, Callable[..., Pair]] = {
    aten.dot.default: lambda x, y: (x.view(1, 1, -1), y.view(1, -1, 1)),
    aten.vdot.default: lambda x, y: (x.view(1, 1, -1), y.view(1, -1, 1)),
    aten.mv.default: lambda x, y: (x.unsqueeze(0), y.view(1, -1, 1)),
    aten.addmv.default: lambda b, x, y, **k: _matrix(b, x, y.unsqueeze(-1), **k),
    aten.addr.default: lambda b, x, y, **k: _matrix(b, x.unsqueeze(-1), y.unsqueeze(0), **k),
    aten.addbmm.default: _matrix,
    aten._trilinear.default: _bilinear,
}
"""Further products, as the operands `[B, M, K]` and `[B, K, N]` of a batched matrix product."""

PRODUCTS = (*KNOWN_PRODUCTS, *MORE_PRODUCTS)
"""Operations that connect: each site is a weight, or one activation times another."""

MOVES = frozenset(
    """
    abs amax amin arange cat ceil clamp clamp_max clamp_min clone constant_pad_nd copy embedding
    empty empty_like empty_permuted eye fill flip floor full full_like gather hardtanh im2col
    index index_copy index_fill index_put index_select lift_fresh lift_fresh_copy masked_fill
    masked_scatter masked_select max maximum median min minimum nan_to_num neg new_empty
    new_empty_strided new_full new_ones new_zeros normal ones ones_like pixel_shuffle
    pixel_unshuffle rand rand_like randn randn_like relu repeat resize roll round scalar_tensor
    scatter select_scatter set sgn sign slice_scatter sort split squeeze stack swapaxes t
    threshold to_copy to_sparse topk transpose tril triu trunc uniform unsafe_split
    unsafe_split_with_sizes unsafe_view unsqueeze where zero zeros zeros_like
    """.split()  # noqa: SIM905
)
"""Operations without arithmetic: they make, place, choose or compare numbers."""

MOVING = ("max_pool", "adaptive_max_pool", "reflection_pad", "replication_pad", "upsample_nearest")
"""How the names of such begin that exist for each number of dimensions."""


MAXIMUM = 2
"""The mode of `_embedding_bag` that adds nothing."""


def extended_counters() -> tuple[MACCounter, ACCounter, SynOpCounter, BaseCounter]:
    """Counters of multiply-accumulates, accumulates, synaptic operations and sites."""
    counters = mac, ac, synops = MACCounter(), ACCounter(), SynOpCounter()
    for counter in counters:
        batched = counter.rules[aten.bmm.default]
        for op, as_pair in MORE_PRODUCTS.items():
            counter.rules[op] = partial(_pair_count, batched, as_pair)
        for op in SCALED:
            counter.rules[op] = partial(_scaled_count, batched, counter.rules[op])
    for norm in (aten.native_layer_norm.default, aten.native_group_norm.default):
        mac.rules[norm], ac.rules[norm] = _norm_mac, _norm_ac
    mac.rules[aten._embedding_bag.default] = _weighted_bag
    ac.rules[aten._embedding_bag.default] = _plain_bag
    sites = BaseCounter()
    sites.rules = {op: partial(_known_sites, op) for op in KNOWN_PRODUCTS}
    sites.rules |= {op: partial(_pair_sites, as_pair) for op, as_pair in MORE_PRODUCTS.items()}
    return mac, ac, synops, sites


class UnpricedCounter(BaseCounter):  # type: ignore[misc]
    """Results of arithmetic that no other counter charges for, by the name of the operation.

    Args:
        priced: counters that have rules of their own.
    """

    def __init__(self, *priced: BaseCounter) -> None:
        super().__init__()
        self._priced = priced

    def has_rule(self, func: Any) -> bool:
        """Whether an operation computes something and has no price."""
        name = operation_name(func)
        free = func.is_view or name in MOVES or name.startswith(MOVING)
        return not free and not any(counter.has_rule(func) for counter in self._priced)

    def count(self, func: Any, args: Any, kwargs: Any, out: Any, *_: Any, **__: Any) -> int:
        """The numbers an operation makes; whole ones and truth values are no arithmetic."""
        made = (x for x in tree_leaves(out) if isinstance(x, Tensor))
        return sum(x.numel() for x in made if x.is_floating_point() or x.is_complex())


def operation_name(func: Any) -> str:
    """`mul` of `aten::mul_.Tensor`: one name in place or not, on tensors or numbers."""
    name: str = func.overloadpacket.__name__
    return name.strip("_")


def bags_of_rows(args: Any) -> Tensor:
    """The bag `[E]` of each row that `_embedding_bag` looks up, padding left out."""
    indices, offsets, padding = args[1], args[2], args[8] if len(args) > 8 else -1
    places = torch.arange(len(indices))[indices != padding]
    return torch.searchsorted(offsets, places, right=True)


def _known_sites(op: Any, args: Any, kwargs: Any, out: Tensor) -> int:
    # torch counts a multiply-accumulate as two operations
    return int(flop_registry[op.overloadpacket](*args, **kwargs, out_val=out)) // 2


def _pair_sites(as_pair: Callable[..., Pair], args: Any, kwargs: Any, out: Tensor) -> int:
    x, y = as_pair(*args, **kwargs)
    return x.numel() * y.shape[-1]


def _pair_count(
    batched: Rule, as_pair: Callable[..., Pair], args: Any, kwargs: Any, out: Tensor
) -> int:
    x, y = as_pair(*args, **kwargs)
    return batched((x, y), {}, x @ y)


def _scaled_count(batched: Rule, unscaled: Rule, args: Any, kwargs: Any, out: Tensor) -> int:
    if kwargs.get("alpha", 1) == 1:
        return unscaled(args, kwargs, out)
    return _pair_count(batched, _matrix, args, kwargs, out)


def _norm_mac(args: Any, kwargs: Any, out: Any) -> int:
    """As for batch norm: x̂ · γ + β is one for each value; without γ there is none."""
    weight = args[2] if isinstance(args[1], (list, tuple)) else args[1]  # layer or group norm
    return 0 if weight is None else out[0].numel()


def _norm_ac(args: Any, kwargs: Any, out: Any) -> int:
    """As for batch norm in training: x - mean, and the sums of mean and variance + ε."""
    return 3 * int(out[0].numel())


def _weighted_bag(args: Any, kwargs: Any, out: Any) -> int:
    weighted = len(args) > 6 and args[6] is not None
    return len(bags_of_rows(args)) * args[0].shape[1] if weighted else 0


def _plain_bag(args: Any, kwargs: Any, out: Any) -> int:
    """A bag of n rows takes n - 1 sums of rows; a maximum compares."""
    if _weighted_bag(args, kwargs, out) or args[4] == MAXIMUM:
        return 0
    bags = bags_of_rows(args)
    return (len(bags) - len(torch.unique(bags))) * int(args[0].shape[1])
