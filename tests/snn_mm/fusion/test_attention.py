"""AVAttention against its equations in NumPy, in both readings of a unimodal logit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from snn_mm.contracts import FUSED
from snn_mm.errors import UserError
from snn_mm.fusion import AVAttention

TWO = {"audio": 6, "visual": 6}
THREE = {**TWO, "text": 6}
K, R = 4, 3

every_number = pytest.mark.parametrize("dims", [{"audio": 6}, TWO, THREE])


def features(dims: dict[str, int]) -> dict[str, Tensor]:
    return {name: torch.randn(2, 5, dim).double() for name, dim in dims.items()}


def make(dims: dict[str, int], **options: Any) -> AVAttention:
    return AVAttention(dims, K, reduced_dim=R, **options).double()


def gates(fusion: AVAttention, x: dict[str, Tensor]) -> dict[str, NDArray[np.float64]]:
    state = {name: value.numpy() for name, value in fusion.state_dict().items()}
    total = sum(value.numpy() for value in x.values())
    reduced = total @ state["reduce.weight"].T + state["reduce.bias"]
    opened = {n: reduced @ state[f"gates.{n}.weight"].T + state[f"gates.{n}.bias"] for n in x}
    return {name: 1 / (1 + np.exp(-value)) for name, value in opened.items()}


def classify(fusion: AVAttention, gated: dict[str, Any]) -> NDArray[np.float64]:
    weight, bias = (p.detach().numpy() for p in fusion.classifier.parameters())
    joined: NDArray[np.float64] = np.concatenate(list(gated.values()), axis=-1) @ weight.T + bias
    return joined


def own_logits(
    fusion: AVAttention, x: dict[str, Tensor], name: str, read: str, gated: bool
) -> NDArray[np.float64]:
    """What one modality says, by each of the four rules, written out."""
    z = {key: value.numpy() for key, value in x.items()}
    if read == "heads":
        weight, bias = (p.detach().numpy() for p in fusion.heads[name].parameters())
        seen = gates(fusion, x)[name] * z[name] if gated else z[name]
        return np.asarray(seen @ weight.T + bias)
    if gated:
        weight, bias = (p.detach().numpy() for p in fusion.classifier.parameters())
        start = 6 * list(x).index(name)
        columns = weight[:, start : start + 6]
        return np.asarray(gates(fusion, x)[name] * z[name] @ columns.T + bias / len(x))
    alone = {key: value * (key == name) for key, value in x.items()}
    opened = gates(fusion, alone)
    return classify(fusion, {key: opened[key] * alone[key].numpy() for key in x})


@every_number
@pytest.mark.parametrize("unimodal", ["heads", "shared"])
@pytest.mark.parametrize("unimodal_of", ["features", "gated"])
def test_all_logits_equal_the_equations(
    dims: dict[str, int], unimodal: Any, unimodal_of: Any
) -> None:
    fusion, x = make(dims, unimodal=unimodal, unimodal_of=unimodal_of), features(dims)
    with torch.no_grad():
        output = fusion(x)
        fused = fusion.fuse(x)
    opened = gates(fusion, x)
    expected = {n: own_logits(fusion, x, n, unimodal, unimodal_of == "gated") for n in dims}
    expected[FUSED] = classify(fusion, {n: opened[n] * x[n].numpy() for n in dims})
    assert output.by_name().keys() == expected.keys()
    for name, value in output.by_name().items():
        np.testing.assert_allclose(value.numpy(), expected[name], rtol=0, atol=1e-13)
    assert torch.equal(fused, output.fused)
    assert output.features is x


@pytest.mark.parametrize("unimodal_of", ["features", "gated"])
def test_the_score_of_a_modulation_is_that_of_shared_logits(unimodal_of: Any) -> None:
    fusion, x = make(THREE, unimodal="shared", unimodal_of=unimodal_of), features(THREE)
    output = fusion(x)
    for name in THREE:
        assert torch.equal(fusion.shared_logits(name, x), output.unimodal[name])
    total = torch.stack(list(output.unimodal.values())).sum(dim=0)
    assert torch.allclose(total, output.fused) == (unimodal_of == "gated")


@pytest.mark.parametrize("unimodal", ["heads", "shared"])
def test_only_gated_logits_depend_on_the_other_modality(unimodal: Any) -> None:
    x = features(TWO)
    other = {**x, "audio": torch.randn_like(x["audio"])}
    for unimodal_of, same in (("features", True), ("gated", False)):
        fusion = make(TWO, unimodal=unimodal, unimodal_of=unimodal_of)
        before, after = (fusion(given).unimodal["visual"] for given in (x, other))
        assert torch.allclose(before, after) == same


@pytest.mark.parametrize("unimodal", ["heads", "shared"])
def test_every_parameter_learns_and_has_exactly_one_role(unimodal: Any) -> None:
    fusion = make(THREE, unimodal=unimodal)
    output = fusion(features(THREE))
    sum(logits.square().sum() for logits in output.by_name().values()).backward()
    assert all(p.grad is not None and p.grad.any() for p in fusion.parameters())
    heads = [id(p) for name in THREE for p in fusion.head_parameters(name)]
    whole = [id(p) for p in fusion.fusion_parameters("module")]
    assert sorted([*heads, *whole]) == sorted(id(p) for p in fusion.parameters())
    classifier = sum(p.numel() for p in fusion.fusion_parameters("classifier"))
    assert classifier == 18 * K + K  # the last layer alone: what the released IEMF scales


def test_the_reduction_has_the_released_width() -> None:
    fusion = AVAttention({"audio": 512, "visual": 512}, K)
    assert fusion.reduce.weight.shape == (64, 512)


@pytest.mark.parametrize(
    ("dims", "options", "says"),
    [
        ({"audio": 3, "visual": 5}, {}, r"different widths \(audio: 3, visual: 5\)"),
        (TWO, {"unimodal_of": "own"}, "unimodal_of is 'own'; accepted: features, gated"),
        (TWO, {"reduced_dim": 0}, "reduced_dim is 0; accepted is at least 1"),
    ],
)
def test_what_is_not_accepted_is_refused(
    dims: dict[str, int], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        AVAttention(dims, K, **options)


def test_a_modality_of_its_own_opens_no_gate_of_others() -> None:
    # Of M modalities in turn, all gates each time would be M².
    fusion, opened = make(THREE, unimodal="shared", unimodal_of="gated"), []
    for name, gate in fusion.gates.items():
        gate.register_forward_hook(lambda *_, name=name: opened.append(name))
    fusion.shared_logits("text", features(THREE))
    assert opened == ["text"]
