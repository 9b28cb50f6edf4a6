"""What every network of sequences fulfils: padding says nothing, and training reaches all of it."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import torch
from every_network import LONGEST, OPTIONS, WIDTHS, leaves, random_clips

from snn_mm.modules.sentiment.memory import Hidden
from snn_mm.modules.sentiment.network import SentimentNetwork

KINDS = {kind.__name__: kind for kind in leaves(SentimentNetwork)}
ALL, PAIRS = tuple(WIDTHS), [*combinations(WIDTHS, 2)]
LATE = ("LFDNN", "LMF", "TFN", "MLFDNN", "MLMF", "MTFN")
MEMORIES = ("MFN", "GraphMFN")
PADDED: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    *((kind, names, {}) for kind in LATE for names in (ALL, PAIRS[0], PAIRS[2])),
    ("LFDNN", ("text",), {}),
    *(("EFLSTM", n, {"steps": k}) for n in (ALL, PAIRS[0], ("audio",)) for k in (50, 6, 2)),
    *((kind, ALL, {"padding": how}) for kind in MEMORIES for how in ("masked", "averaged")),
    *(("MulT", ALL, o) for o in ({}, {"causal": False, "positions": False}, {"steps": 6})),
]
TRAINED = [
    *((kind, ALL) for kind in (*LATE, "EFLSTM")),
    *((kind, names) for kind in MEMORIES for names in (("audio",), *PAIRS, ALL)),
    *(("MulT", names) for names in (*PAIRS, ALL)),
]


def test_every_network_but_sgmt_is_here() -> None:  # whose spikes have no such gradients
    listed = set(KINDS) - {"SGMT"}
    assert {kind for kind, *_ in PADDED} == {kind for kind, _ in TRAINED} == listed


def made(kind: str, names: tuple[str, ...], **options: Any) -> SentimentNetwork:
    dims = ({name: of[name] for name in names} for of in (WIDTHS, LONGEST))
    wide = {key: widened(key, option) for key, option in OPTIONS[kind].items()}
    return KINDS[kind](*dims, **{**wide, **options}).double()


def widened(key: str, option: Any) -> Any:
    """Layers of many units: some of the few that others test with are born silent."""
    if isinstance(option, dict):
        return dict.fromkeys(option, 16)
    return (
        Hidden(16, 0.1) if isinstance(option, Hidden) else 16 if key == "fused_hidden" else option
    )


def assert_ignores_padding(network: SentimentNetwork) -> None:
    """In evaluation, a clip alone scores as in a batch with longer ones, padded with anything."""
    network.eval()
    clips = random_clips(network)
    for filler in (float("nan"), 1e3):
        together = network(*clips.padded_with(filler))
        assert len(together["fused"].unique()) == 5, "a network that says one thing proves nothing"
        for i in range(5):
            for head, score in network(*clips.alone(i)).items():
                torch.testing.assert_close(score, together[head][i : i + 1], rtol=1e-9, atol=1e-12)


def assert_trains_alike(network: SentimentNetwork) -> None:
    """In training, neither gradients nor what is tracked depends on what the padding holds."""
    network.train()
    clips, states = random_clips(network), []
    start = {name: value.clone() for name, value in network.state_dict().items()}
    for filler in (0.0, float("nan"), 1e3):
        network.load_state_dict(start)
        network.zero_grad()
        torch.manual_seed(0)
        sum(score.sum() for score in network(*clips.padded_with(filler)).values()).backward()
        gradients = {name: p.grad.clone() for name, p in network.named_parameters()}
        states.append((gradients, {n: v.clone() for n, v in network.state_dict().items()}))
    for other in states[1:]:
        torch.testing.assert_close(other, states[0], rtol=1e-9, atol=1e-12)


def without_gradient(network: SentimentNetwork) -> list[str]:
    """Names of parameters that no score of a training step depends on."""
    network.train()
    torch.manual_seed(0)
    scores = network(*random_clips(network, samples=32))
    sum(score.square().sum() for score in scores.values()).backward()
    return [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]


@pytest.mark.parametrize(("kind", "names", "options"), PADDED)
def test_padding_never_changes_a_score_or_a_gradient(
    kind: str, names: tuple[str, ...], options: dict[str, Any]
) -> None:
    network = made(kind, names, **options)
    assert_trains_alike(network)
    assert_ignores_padding(network)


@pytest.mark.parametrize(("kind", "names"), TRAINED)
def test_training_reaches_every_parameter(kind: str, names: tuple[str, ...]) -> None:
    assert without_gradient(made(kind, names)) == []
