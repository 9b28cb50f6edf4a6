from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.fusion import Concat, FiLM, Fusion, Gated, Sum

FUSIONS = [Concat, Sum, FiLM, Gated]
DIMS = {"audio": 3, "visual": 5}
K = 4


def features(dims: dict[str, int] = DIMS, steps: int = 2, size: int = 6) -> dict[str, Tensor]:
    return {name: torch.randn(steps, size, dim).double() for name, dim in dims.items()}


def numel(parameters: object) -> int:
    return sum(parameter.numel() for parameter in parameters)  # type: ignore[attr-defined]


@pytest.mark.parametrize("unimodal", ["heads", "shared"])
@pytest.mark.parametrize("fusion_class", FUSIONS)
@pytest.mark.parametrize("dims", [DIMS, {"audio": 3, "visual": 5, "text": 2}])
def test_every_fusion_gives_fused_and_unimodal_logits(
    fusion_class: type[Fusion], unimodal: str, dims: dict[str, int]
) -> None:
    output = fusion_class(dims, K, unimodal=unimodal).double()(features(dims))  # type: ignore
    assert output.fused.shape == (2, 6, K)
    assert {name: value.shape for name, value in output.unimodal.items()} == dict.fromkeys(
        dims, (2, 6, K)
    )


@pytest.mark.parametrize("fusion_class", [Concat, Sum])
def test_shared_logits_of_additive_fusions_sum_to_the_fused_logits(
    fusion_class: type[Fusion],
) -> None:
    output = fusion_class(DIMS, K, unimodal="shared").double()(features())
    total = torch.stack(list(output.unimodal.values())).sum(dim=0)
    torch.testing.assert_close(total, output.fused)


def test_concat_equals_eq_5_written_out() -> None:
    fusion, x = Concat(DIMS, K).double(), features()
    weight, bias = fusion.classifier.weight, fusion.classifier.bias
    expected = x["audio"] @ weight[:, :3].T + x["visual"] @ weight[:, 3:].T + bias
    torch.testing.assert_close(fusion(x).fused, expected)


def test_film_scales_and_shifts_the_conditioned_modality() -> None:
    fusion, x = FiLM(DIMS, K).double(), features()
    generated = x["audio"] @ fusion.generator.weight.T + fusion.generator.bias
    hidden = generated[..., :5] * x["visual"] + generated[..., 5:]
    expected = hidden @ fusion.classifier.weight.T + fusion.classifier.bias
    torch.testing.assert_close(fusion(x).fused, expected)


def test_gated_multiplies_by_a_sigmoid_of_the_other_modality() -> None:
    fusion, x = Gated(DIMS, K).double(), features()
    gate = 1 / (1 + torch.exp(-(x["audio"] @ fusion.gate.weight.T + fusion.gate.bias)))
    value = x["visual"] @ fusion.value.weight.T + fusion.value.bias
    expected = (gate * value) @ fusion.classifier.weight.T + fusion.classifier.bias
    torch.testing.assert_close(fusion(x).fused, expected)


@pytest.mark.parametrize("fusion_class", [FiLM, Gated])
def test_shared_logits_ignore_the_other_modality(fusion_class: type[Fusion]) -> None:
    fusion, x = fusion_class(DIMS, K, unimodal="shared").double(), features()
    before = fusion(x).unimodal["visual"]
    x["audio"] = torch.randn_like(x["audio"])
    torch.testing.assert_close(fusion(x).unimodal["visual"], before)


@pytest.mark.parametrize(
    ("fusion_class", "classifier", "module"),
    [
        (Concat, 8 * K + K, 8 * K + K),
        (Sum, 8 * K + 2 * K, 8 * K + 2 * K),
        (FiLM, 5 * K + K, 5 * K + K + 3 * 10 + 10),
        (Gated, 5 * K + K, 5 * K + K + (3 * 5 + 5) + (5 * 5 + 5)),
    ],
)
def test_scopes_count_the_fusion_and_never_the_heads(
    fusion_class: type[Fusion], classifier: int, module: int
) -> None:
    fusion = fusion_class(DIMS, K)
    assert numel(fusion.fusion_parameters("classifier")) == classifier
    assert numel(fusion.fusion_parameters("module")) == module
    assert numel(fusion.head_parameters("audio")) == 3 * K + K


def test_shared_logits_need_no_extra_parameters() -> None:
    assert not list(Concat(DIMS, K, unimodal="shared").head_parameters("audio"))


def test_conditioned_modality_can_be_chosen_and_a_wrong_one_is_named() -> None:
    assert FiLM(DIMS, K, conditioned="audio").hidden_dim == 3
    with pytest.raises(UserError, match="'smell' is no modality; accepted: audio, visual"):
        FiLM(DIMS, K, conditioned="smell")


def test_conditioned_fusion_of_one_modality_is_refused() -> None:
    with pytest.raises(UserError, match="Gated needs at least two modalities"):
        Gated({"audio": 3}, K)


def test_different_time_steps_are_refused_with_their_numbers() -> None:
    x = {"audio": torch.zeros(4, 2, 3), "visual": torch.zeros(5, 2, 5)}
    with pytest.raises(UserError, match="audio: 4, visual: 5"):
        Concat(DIMS, K)(x)


@pytest.mark.parametrize(
    ("give", "found"), [(lambda x: x[0], r"\[6, 4\]"), (lambda x: (x, x), "tuple")]
)
def test_logits_of_another_shape_are_refused_where_they_are_made(
    give: Callable[[Tensor], Any], found: str
) -> None:
    class Wrong(Concat):
        def fuse(self, features: dict[str, Tensor]) -> Any:
            return give(super().fuse(features))

    with pytest.raises(UserError, match=rf"Wrong: fuse must give logits .T, N, K., not {found}"):
        Wrong(DIMS, K).double()(features())
