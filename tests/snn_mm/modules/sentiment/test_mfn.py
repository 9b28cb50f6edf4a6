from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from snn_mm.errors import UserError
from snn_mm.modules.sentiment.memory import Hidden, hold_last
from snn_mm.modules.sentiment.mfn import MFN

Array = NDArray[np.float64]

SMALL = Hidden(16, 0.3)
LAYERS = dict.fromkeys(("attention", "proposal", "retain", "update", "output"), SMALL)
UNITS = {"text": 4, "audio": 3, "visual": 5}


def make(dims: tuple[dict[str, int], dict[str, int]], **options: object) -> MFN:
    torch.manual_seed(0)
    settings = {"hidden": UNITS, "memory": 6, "steps": 6, **LAYERS, **options}
    return MFN(*dims, **settings)  # type: ignore[arg-type]


def layers(weights: dict[str, Array], name: str, x: Array, first: int = 0, last: int = 3) -> Array:
    hidden = np.maximum(
        x @ weights[f"{name}.{first}.weight"].T + weights[f"{name}.{first}.bias"], 0
    )
    return hidden @ weights[f"{name}.{last}.weight"].T + weights[f"{name}.{last}.bias"]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm_step(weights: dict[str, Array], name: str, x: Array, h: Array, c: Array) -> list[Array]:
    cell = f"encoders.{name}.cell"
    gates = x @ weights[f"{cell}.weight_ih"].T + weights[f"{cell}.bias_ih"]
    gates = gates + h @ weights[f"{cell}.weight_hh"].T + weights[f"{cell}.bias_hh"]
    i, f, g, o = np.split(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gate(weights: dict[str, Array], name: str, hidden: Array) -> Array:
    layer = f"memory.{name}.1"
    return sigmoid(hidden @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"])


def memory_step(weights: dict[str, Array], before: Array, now: Array, memory: Array) -> Array:
    both = np.concatenate([before, now])
    scores = np.exp(layers(weights, "attention.scorer", both))
    attended = scores / scores.sum() * both
    seen = np.concatenate([attended, memory])
    hidden = np.maximum(seen @ weights["memory.hidden.weight"].T + weights["memory.hidden.bias"], 0)
    proposed = np.tanh(layers(weights, "proposal", attended))
    kept = gate(weights, "retain", hidden[: SMALL.units]) * memory
    return kept + gate(weights, "update", hidden[SMALL.units :]) * proposed


def score_by_loop(weights: dict[str, Array], clip: dict[str, Array]) -> float:
    """One clip, step by step; a modality that has ended keeps its state."""
    states = {name: [np.zeros(UNITS[name]), np.zeros(UNITS[name])] for name in clip}
    memory = np.zeros(6)
    for t in range(max(map(len, clip.values()))):
        before = np.concatenate([cell for _, cell in states.values()])
        for name, x in clip.items():
            if t < len(x):
                states[name] = lstm_step(weights, name, x[t], *states[name])
        now = np.concatenate([cell for _, cell in states.values()])
        memory = memory_step(weights, before, now, memory)
    last = [hidden for hidden, _ in states.values()]
    return float(layers(weights, "fused_head", np.concatenate([*last, memory]))[0])


def test_scores_equal_a_loop_over_each_clip() -> None:
    network = make(({"text": 7, "audio": 5}, {"text": 6, "audio": 4})).double().eval()
    generator = torch.Generator().manual_seed(1)
    inputs = {"text": torch.randn(4, 6, 7, generator=generator).double()}
    inputs["audio"] = torch.randn(4, 4, 5, generator=generator).double()
    lengths = {"text": torch.tensor([6, 2, 1, 4]), "audio": torch.tensor([3, 4, 1, 4])}
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    for i, score in enumerate(network(inputs, lengths)["fused"].tolist()):
        clip = {name: x[i, : lengths[name][i]].numpy() for name, x in inputs.items()}
        assert score == pytest.approx(score_by_loop(weights, clip), rel=1e-9)


def test_states_stay_as_they_are_after_the_end() -> None:
    states = torch.arange(8.0).view(2, 4, 1)
    kept = hold_last(states, torch.tensor([2, 4])).squeeze(-1)
    assert kept.tolist() == [[0.0, 1.0, 1.0, 1.0], [4.0, 5.0, 6.0, 7.0]]


def test_parameters_are_as_many_as_those_of_mmsa() -> None:
    sims = MFN({"text": 768, "audio": 25, "visual": 177}, dict.fromkeys(UNITS, 50))
    assert sum(p.numel() for p in sims.parameters()) == 906_481


def test_modality_without_a_size_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.network\.hidden: no size for depth"):
        make(({"text": 7, "depth": 3}, {"text": 6, "depth": 4}))
