from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import pytest
import torch
from torch import nn

from snn_mm.errors import UserError
from snn_mm.modules.sentiment.cross_modal import (
    CrossAttention,
    Dropouts,
    attention_mask,
    sinusoidal_positions,
)
from snn_mm.modules.sentiment.mult import MulT

NAMES = ("text", "audio", "visual")


def make(dims: tuple[dict[str, int], dict[str, int]], **options: object) -> MulT:
    torch.manual_seed(0)
    settings = {"dim": 6, "heads": 2, "levels": 2, "kernels": {"text": 5, "audio": 3, "visual": 1}}
    return MulT(*dims, **{**settings, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("names", [*combinations(NAMES, 2), NAMES])
def test_each_modality_attends_to_each_other_one(
    widths: Callable[..., tuple[dict[str, int], dict[str, int]]], names: tuple[str, ...]
) -> None:
    network = make(widths(*names))
    assert len(network.crossings) == len(names) * (len(names) - 1)


def test_one_clip_of_one_step_is_enough(
    widths: Callable[..., tuple[dict[str, int], dict[str, int]]],
) -> None:
    network = make(widths()).eval()
    inputs = {name: torch.randn(1, 1, dim) for name, dim in network.feature_dims.items()}
    score = network(inputs, {name: torch.ones(1, dtype=torch.long) for name in inputs})["fused"]
    assert score.shape == (1,)
    assert score.isfinite().all()


def test_attention_equals_that_of_torch_with_the_same_weights() -> None:
    torch.manual_seed(0)
    own = CrossAttention(8, 2, 0.0).double()
    known = nn.MultiheadAttention(8, 2, batch_first=True).double()
    with torch.no_grad():
        known.in_proj_weight.copy_(torch.cat([own.query.weight, own.source.weight]))
        known.out_proj.load_state_dict(own.out.state_dict())
    x, source = torch.randn(3, 4, 8).double(), torch.randn(3, 5, 8).double()
    mask = attention_mask(torch.tensor([4, 2, 1]), torch.tensor([5, 3, 1]), 4, 5, causal=True)
    hidden = ~mask.expand(-1, 2, -1, -1).flatten(0, 1)
    torch.testing.assert_close(own(x, source, mask), known(x, source, source, attn_mask=hidden)[0])


@pytest.mark.parametrize("causal", [True, False])
def test_mask_hides_padding_and_what_is_ahead(causal: bool) -> None:
    lengths, source_lengths = [4, 2, 3], [5, 3, 1]
    mask = attention_mask(torch.tensor(lengths), torch.tensor(source_lengths), 4, 5, causal)
    assert mask.shape == (3, 1, 4, 5)
    for n, (own, other) in enumerate(zip(lengths, source_lengths, strict=True)):
        for i in range(4):
            for j in range(5):
                near = j <= i + abs(other - own) or not causal
                assert mask[n, 0, i, j].item() == (j < other and near)


@pytest.mark.parametrize("dim", [6, 7])
def test_positions_are_sines_then_cosines(dim: int) -> None:
    table = sinusoidal_positions(4, dim)
    assert table.shape == (4, dim)
    for i in range(4):
        for k in range(3):
            angle = (i + 1) / 10_000 ** (k / 2)
            assert table[i, k] == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[i, 3 + k] == pytest.approx(math.cos(angle), abs=1e-6)
    assert (table[:, 6:] == 0).all()


def test_order_of_steps_matters_through_positions_alone() -> None:
    dims = ({"text": 7, "audio": 5}, {"text": 6, "audio": 6})
    for positions in (True, False):
        network = make(dims, kernels={"text": 1, "audio": 1}, causal=False, positions=positions)
        network = network.double().eval()
        inputs = {name: torch.randn(2, 6, dim).double() for name, dim in dims[0].items()}
        lengths = {name: torch.tensor([6, 6]) for name in dims[0]}
        turned = {"text": inputs["text"], "audio": inputs["audio"][:, [3, 1, 4, 0, 2, 5]]}
        same = torch.allclose(network(inputs, lengths)["fused"], network(turned, lengths)["fused"])
        assert same is not positions


def test_dropout_of_attention_is_that_of_the_modality_asked() -> None:
    dims = ({"text": 7, "audio": 5, "visual": 6}, dict.fromkeys(NAMES, 6))
    network = make(dims, dropouts=Dropouts(attention=0.1, source={"audio": 0.2, "visual": 0.0}))
    crossings = {name: part.layers[0].attention.dropout for name, part in network.crossings.items()}
    asked = {"text": 0.1, "audio": 0.2, "visual": 0.0}
    assert crossings == {name: asked[name.partition("<")[2]] for name in crossings}
    assert {part.layers[0].attention.dropout for part in network.summaries.values()} == {0.1}


@pytest.mark.parametrize(
    ("audio", "visual", "kernels", "parameters"),
    [(25, 177, (5, 3, 1), 985_141), (74, 35, (5, 1, 3), 982_951)],
)
def test_parameters_are_as_many_as_those_of_mmsa(
    audio: int, visual: int, kernels: tuple[int, ...], parameters: int
) -> None:
    dims = {"text": 768, "audio": audio, "visual": visual}
    network = MulT(dims, dict.fromkeys(dims, 50), kernels=dict(zip(NAMES, kernels, strict=True)))
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("text",), {}, "MulT needs at least two, not text"),
        (("text", "audio"), {"dim": 7}, "dim is 7; accepted: a multiple of heads, 2"),
        (("text", "audio"), {"kernels": {"text": 4, "audio": 3}}, r"kernels\.text is 4"),
    ],
)
def test_settings_that_fit_nothing_are_refused(
    widths: Callable[..., tuple[dict[str, int], dict[str, int]]],
    names: tuple[str, ...],
    options: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(UserError, match=message):
        make(widths(*names), **options)
