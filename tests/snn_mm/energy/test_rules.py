"""Every layer of torch that has weights, against a count by hand."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from snn_mm.energy import Counts
from snn_mm.energy.counting import count_operations

BYTES = 4  # of a float32
STEPS, IN, OUT = 4, 3, 5


class Hand(NamedTuple):
    """A layer, its inputs, and what it costs; `weights` and `biases` are reads of them."""

    layer: nn.Module
    inputs: tuple[Tensor, ...]
    mac: int
    ac: int = 0
    sites: int | None = None  # as many as multiply-accumulates
    weights: int | None = None  # a read for each multiply-accumulate
    biases: int = 0

    @property
    def counts(self) -> Counts:
        sites = self.mac if self.sites is None else self.sites
        weights = self.mac if self.weights is None else self.weights
        reads = BYTES * (weights + self.biases)
        return Counts(self.mac, self.ac, 0, 0, reads, sites, min(self.mac, sites))


def x(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) + 0.1


def recurrent(gates: int, bias_ac: int) -> dict[str, Any]:
    """The state before the first step is zero: it drives nothing, as spikes that are absent."""
    inputs, state = STEPS * gates * OUT * IN, (STEPS - 1) * gates * OUT * OUT
    sites = STEPS * gates * OUT * (IN + OUT)
    biases = STEPS * 2 * gates * OUT
    return {"mac": inputs + state, "ac": STEPS * bias_ac, "sites": sites, "biases": biases}


def cell(gates: int, bias_ac: int) -> dict[str, Any]:
    mac = gates * OUT * IN
    return {"mac": mac, "ac": bias_ac, "sites": mac + gates * OUT * OUT, "biases": 2 * gates * OUT}


def norm(values: int) -> dict[str, Any]:
    """Sums for mean and variance, and the difference; weights are folded, not read."""
    return {"mac": values, "ac": 3 * values, "sites": 0, "weights": 0}


def batch_norm(values: int, channels: int = 4) -> dict[str, Any]:
    return {"mac": values, "ac": values + channels, "sites": 0, "weights": 0}


def attention(length: int, source: int, dim: int, keys: int, values: int) -> dict[str, Any]:
    """Projections, scores, what is attended to, and the mean of the scores over two heads."""
    query, key, value = length * dim * dim, source * keys * dim, source * values * dim
    weights = query + key + value + length * dim * dim
    products = 2 * length * source * dim
    return {
        "mac": weights + products,
        "ac": length * source,
        "weights": weights,
        "biases": (2 * length + 2 * source) * dim,
    }


SEQUENCE = (x(1, STEPS, IN),)
GATES = {  # sums of one step: of the two products, of the sigmoids, of the state
    nn.RNN: (1, OUT),
    nn.LSTM: (4, 4 * OUT + 3 * OUT + OUT),
    nn.GRU: (3, 2 * OUT + 2 * OUT + OUT + 2 * OUT),
}
FIRST = x(1, 3, 4)
HAND: dict[str, Callable[[], Hand]] = {
    "Linear": lambda: Hand(nn.Linear(4, 3), (x(2, 1, 4),), 2 * 4 * 3, biases=2 * 3),
    "Bilinear": lambda: Hand(nn.Bilinear(4, 4, 2), (x(1, 4), x(1, 4)), 32, ac=2, biases=2),
    "Conv1d": lambda: Hand(nn.Conv1d(2, 3, 3), (x(1, 2, 8),), 6 * 3 * 2 * 3, biases=6 * 3),
    "Conv2d": lambda: Hand(
        nn.Conv2d(4, 6, 3, groups=2), (x(1, 4, 5, 5),), 9 * 6 * 2 * 9, biases=9 * 6
    ),
    "Conv3d": lambda: Hand(nn.Conv3d(2, 3, 2), (x(1, 2, 4, 4, 4),), 27 * 3 * 2 * 8, biases=27 * 3),
    # Each input meets each tap once.
    "ConvTranspose1d": lambda: Hand(
        nn.ConvTranspose1d(2, 3, 3, stride=2), (x(1, 2, 5),), 5 * 2 * 3 * 3, biases=11 * 3
    ),
    "ConvTranspose2d": lambda: Hand(
        nn.ConvTranspose2d(4, 6, 3, groups=2), (x(1, 4, 5, 5),), 25 * 4 * 3 * 9, biases=49 * 6
    ),
    "ConvTranspose3d": lambda: Hand(
        nn.ConvTranspose3d(2, 3, 2), (x(1, 2, 4, 4, 4),), 64 * 2 * 3 * 8, biases=125 * 3
    ),
    "Embedding": lambda: Hand(nn.Embedding(9, 4), (torch.tensor([[1, 2, 3]]),), 0, weights=3 * 4),
    "EmbeddingBag": lambda: Hand(
        nn.EmbeddingBag(9, 4, padding_idx=0),
        (torch.tensor([[1, 2, 3, 0]]),),
        0,
        ac=2 * 4,
        weights=3 * 4,
    ),
    "RNN": lambda: Hand(nn.RNN(IN, OUT, batch_first=True), SEQUENCE, **recurrent(*GATES[nn.RNN])),
    "LSTM": lambda: Hand(
        nn.LSTM(IN, OUT, batch_first=True), SEQUENCE, **recurrent(*GATES[nn.LSTM])
    ),
    "GRU": lambda: Hand(nn.GRU(IN, OUT, batch_first=True), SEQUENCE, **recurrent(*GATES[nn.GRU])),
    "RNNCell": lambda: Hand(nn.RNNCell(IN, OUT), (x(1, IN),), **cell(*GATES[nn.RNN])),
    "LSTMCell": lambda: Hand(nn.LSTMCell(IN, OUT), (x(1, IN),), **cell(*GATES[nn.LSTM])),
    "GRUCell": lambda: Hand(nn.GRUCell(IN, OUT), (x(1, IN),), **cell(*GATES[nn.GRU])),
    "MultiheadAttention": lambda: Hand(
        nn.MultiheadAttention(4, 2, batch_first=True), (FIRST,) * 3, **attention(3, 3, 4, 4, 4)
    ),
    "MultiheadAttention of another": lambda: Hand(
        nn.MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True),
        (FIRST, x(1, 6, 3), x(1, 6, 5)),
        **attention(3, 6, 4, 3, 5),
    ),
    "TransformerEncoderLayer": lambda: Hand(
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
        (FIRST,),
        mac=264 + 2 * 3 * 4 * 8 + 2 * 12,  # attention, feed-forward, norms
        ac=2 * 12 + 2 * 3 * 12,  # residual sums, norms; no scores are asked for
        sites=264 + 2 * 3 * 4 * 8,
        weights=192 + 2 * 3 * 4 * 8,
        biases=12 * 4 + 3 * (8 + 4),
    ),
    "BatchNorm1d": lambda: Hand(nn.BatchNorm1d(4), (x(1, 4),), **batch_norm(4)),
    "BatchNorm2d": lambda: Hand(nn.BatchNorm2d(4), (x(1, 4, 3, 3),), **batch_norm(36)),
    "BatchNorm3d": lambda: Hand(nn.BatchNorm3d(4), (x(1, 4, 3, 3, 2),), **batch_norm(72)),
    "SyncBatchNorm": lambda: Hand(nn.SyncBatchNorm(4), (x(1, 4, 3, 3),), **batch_norm(36)),
    "LayerNorm": lambda: Hand(nn.LayerNorm(4), (x(1, 3, 4),), **norm(12)),
    "GroupNorm": lambda: Hand(nn.GroupNorm(2, 4), (x(1, 4, 3),), **norm(12)),
    "InstanceNorm1d": lambda: Hand(nn.InstanceNorm1d(4, affine=True), (x(1, 4, 3),), **norm(12)),
    "InstanceNorm2d": lambda: Hand(nn.InstanceNorm2d(4, affine=True), (x(1, 4, 3, 2),), **norm(24)),
    "InstanceNorm3d": lambda: Hand(
        nn.InstanceNorm3d(4, affine=True), (x(1, 4, 3, 2, 2),), **norm(48)
    ),
    # A mean of squares and epsilon; the factor is a product like those of tanh or a gate: no rule.
    "RMSNorm": lambda: Hand(nn.RMSNorm(4), (x(1, 3, 4),), 0, ac=3 * 3 + 3),
    "PReLU": lambda: Hand(nn.PReLU(4), (x(1, 4),), 0),
}
BASES = {"RNNBase", "RNNCellBase", "ParameterList", "ParameterDict", "CrossMapLRN2d"}


def counted(layer: Any, *inputs: Tensor) -> tuple[Counts, dict[str, int]]:
    model = layer.eval() if isinstance(layer, nn.Module) else nn.Identity()
    counters = count_operations(model, [inputs], lambda given: layer(*given))
    return sum(counters.by_layer().values(), Counts()), counters.without_rule()


@pytest.mark.parametrize("name", HAND)
def test_a_layer_of_torch_costs_what_is_counted_by_hand(name: str) -> None:
    torch.manual_seed(0)
    hand = HAND[name]()
    assert counted(hand.layer, *hand.inputs)[0] == hand.counts


def test_no_layer_of_torch_with_weights_is_missing_above() -> None:
    def has_weights(kind: Any) -> bool:
        made = [vars(c)["__init__"].__code__ for c in kind.__mro__[:-2] if "__init__" in vars(c)]
        return any("Parameter" in code.co_names for code in made)

    layers = {
        name
        for name, kind in vars(nn).items()
        if inspect.isclass(kind) and issubclass(kind, nn.Module) and kind is not nn.Module
    }
    weighty = {n for n in layers if not n.startswith("Lazy") and has_weights(getattr(nn, n))}
    assert weighty - BASES == {name for name in HAND if name in weighty}


def test_a_bilinear_layer_of_spikes_is_driven_by_pairs_of_them() -> None:
    first, second = torch.tensor([[1.0, 0.0, 1.0, 0.0]]), torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    counts, _ = counted(nn.Bilinear(4, 4, 2, bias=False), first, second)
    assert (counts.mac, counts.synops, counts.sites) == (0, 2 * 3 * 2, 32)
    assert counts.memory_bytes == 12 * BYTES


MATRIX, VECTOR = x(3, 4), x(4)
PRODUCTS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...], int]] = {
    "dot": (torch.dot, (VECTOR, VECTOR), 4),
    "vdot": (torch.vdot, (VECTOR, VECTOR), 4),
    "mv": (torch.mv, (MATRIX, VECTOR), 12),
    "matmul with a vector": (torch.matmul, (x(2, 3, 4), VECTOR), 24),
    "addmv": (torch.addmv, (x(3), MATRIX, VECTOR), 12),
    "addr": (torch.addr, (MATRIX, x(3), VECTOR), 12),
    "addbmm": (torch.addbmm, (x(3, 5), x(2, 3, 4), x(2, 4, 5)), 2 * 3 * 4 * 5),
    "einsum": (lambda a, b: torch.einsum("i,ij,j->", a, b, a), (VECTOR, x(4, 4)), 16 + 4),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_written_otherwise_costs_its_multiply_accumulates(name: str) -> None:
    function, operands, expected = PRODUCTS[name]
    counts, left_out = counted(function, *operands)
    assert (counts.mac, counts.sites, left_out) == (expected, expected, {})


def test_spikes_scaled_on_the_way_into_a_product_are_numbers() -> None:
    spikes = torch.eye(3, 4)
    scaled, _ = counted(lambda a, b: torch.addmm(x(3, 5), a, b, alpha=0.5), spikes, x(4, 5))
    plain, _ = counted(lambda a, b: torch.addmm(x(3, 5), a, b), spikes, x(4, 5))
    assert (scaled.mac, scaled.synops) == (3 * 4 * 5, 0)
    assert (plain.mac, plain.synops) == (0, 3 * 5)


def test_arithmetic_without_a_rule_is_named_with_its_results() -> None:
    def forward(a: Tensor) -> Tensor:
        moved = torch.cat([a.relu(), a.clone()]).max(0).values
        return (a * 3.0).mul_(a).tanh() + torch.fft.rfft(moved).abs().sum()

    _, left_out = counted(forward, x(2, 4))
    assert left_out == {"mul": 16, "tanh": 8, "fft_r2c": 3}
