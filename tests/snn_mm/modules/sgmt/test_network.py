from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from spikingjelly.activation_based.neuron import BaseNode
from torch import Tensor, nn

from snn_mm.contracts import FUSED, FUSION_ONLY
from snn_mm.errors import UserError
from snn_mm.modules.sgmt import SGMT, Merge
from snn_mm.modules.sgmt.layer import Connection, LayerOptions
from snn_mm.sequences import valid_mask

DIMS = {"text": 6, "audio": 3, "visual": 4}
LONGEST = {"text": 5, "audio": 20, "visual": 9}
LENGTHS = {
    "text": torch.tensor([2, 5, 1]),
    "audio": torch.tensor([20, 3, 7]),
    "visual": torch.tensor([4, 9, 2]),
}
OPTIONS: list[dict[str, Any]] = [
    *({"merge": merge} for merge in get_args(Merge)),
    {"pooling": "last"},
    {"padding": "averaged"},
    {"kernel_size": {"text": 3, "audio": 5}},
    {"options": LayerOptions(heads=2, neuron=nn.ReLU)},
]


def build(**options: Any) -> SGMT:
    torch.manual_seed(0)
    # Strong connections and currents, so that a spike of the padding would be felt.
    defaults = {"options": LayerOptions(heads=2, scale_1=2.0), "connection": Connection(1.0)}
    return SGMT(DIMS, LONGEST, width=8, layers=1, fusion_layers=1, steps=5, **defaults | options)


def clips() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Three clips of different lengths whose padding is NaN."""
    generator = torch.Generator().manual_seed(0)
    inputs = {}
    for name, dim in DIMS.items():
        longest = int(LENGTHS[name].max())
        x = torch.randn(3, longest, dim, generator=generator)
        padding = ~valid_mask(LENGTHS[name], longest)
        inputs[name] = x.masked_fill(padding.unsqueeze(-1), float("nan"))
    return inputs, dict(LENGTHS)


@pytest.mark.parametrize("trained", [False, True], ids=["untrained", "trained"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, *o.items()))[:30])
def test_a_clip_alone_scores_as_in_a_batch(options: dict[str, Any], trained: bool) -> None:
    network = build(**options)
    inputs, lengths = clips()
    if trained:
        network(inputs, lengths)  # the running firing rate
    network.eval()
    together = network(inputs, lengths)
    for i in range(3):
        own = {name: length[i : i + 1] for name, length in lengths.items()}
        single = {name: x[i : i + 1, : int(own[name])] for name, x in inputs.items()}
        for head, score in network(single, own).items():
            assert score.item() == pytest.approx(together[head][i].item(), abs=1e-5), head


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, *o.items()))[:30])
def test_every_parameter_is_reached_by_a_gradient(options: dict[str, Any]) -> None:
    network = build(**options)
    sum(score.sum() for score in network(*clips()).values()).backward()  # type: ignore[union-attr]
    silent = [name for name, p in network.named_parameters() if p.grad is None]
    assert silent == []
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


def test_heads_are_those_of_the_paper() -> None:
    assert build().heads == ("text", "audio", "visual", FUSION_ONLY, FUSED)
    network = SGMT({"text": 6}, LONGEST, width=8, layers=1, fusion_layers=1)
    assert network.heads == ("text", FUSION_ONLY, FUSED)


def test_spikes_are_binary_and_membranes_never_meet_the_next_batch() -> None:
    network = build().eval()
    seen: list[Tensor] = []
    for part in network.modules():
        if isinstance(part, BaseNode):
            part.register_forward_hook(lambda _m, _i, spikes: seen.append(spikes))
    first = network(*clips())[FUSED]
    assert torch.equal(network(*clips())[FUSED], first)
    values = torch.cat([spikes.flatten() for spikes in seen]).unique()
    assert values.tolist() == [0.0, 1.0]


def test_parameters_belong_to_a_modality_or_to_the_fusion() -> None:
    network = build()
    owned = [id(p) for name in DIMS for p in network.modality_parameters(name)]
    rest = [id(p) for p in network.fusion_parameters("module")]
    assert sorted(owned + rest) == sorted(id(p) for p in network.parameters())
    assert set(map(id, network.fused_head.parameters())) < set(rest)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"merge": "sum"}, "model.merge"),
        ({"pooling": "max"}, "model.pooling"),
        ({"padding": "none"}, "model.padding"),
        ({"kernel_size": 2}, "model.kernel_size"),
    ],
)
def test_unknown_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        build(**options)


def test_width_must_be_a_multiple_of_the_heads() -> None:
    with pytest.raises(UserError, match="width=8, heads=3"):
        build(options=LayerOptions(heads=3))
