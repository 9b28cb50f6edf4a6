from functools import partial

import pytest
import torch
from torch import nn

from snn_mm.errors import UserError
from snn_mm.fusion import AVAttention, Concat, FiLM, Fusion, FusionFactory, Gated, Sum
from snn_mm.fusion.added import Added
from snn_mm.modules.continual.growth import growing_layers, resize, row_generator

DIMS = {"audio": 4, "visual": 4}
FUSIONS = [Added, AVAttention, Concat, Sum, FiLM, Gated, partial(Added, unimodal="shared")]


def grown(fusion: Fusion, seed: int = 0) -> Fusion:
    resize(fusion, 5, row_generator(seed, task=1))
    return fusion


@pytest.mark.parametrize("make", FUSIONS)
def test_old_rows_and_logits_stay_what_they_were(make: FusionFactory) -> None:
    fusion = make(DIMS, 3).double()
    rows = [layer.weight.clone() for layer in growing_layers(fusion)]
    features = {name: torch.randn(2, 6, dim).double() for name, dim in DIMS.items()}
    before = fusion(features).by_name()
    after = grown(fusion)(features).by_name()
    for name, logits in after.items():
        assert logits.shape == (2, 6, 5)
        # Products of matrices of another shape are rounded in another order.
        torch.testing.assert_close(logits[..., :3], before[name], rtol=1e-12, atol=1e-12)
    for layer, old in zip(growing_layers(fusion), rows, strict=True):
        torch.testing.assert_close(layer.weight[:3], old, rtol=0, atol=0)


def test_new_rows_depend_on_seed_and_task_alone() -> None:
    weights = []
    for seed in (0, 0, 1):
        fusion = Added(DIMS, 3)
        torch.randn(7)
        weights.append(grown(fusion, seed).classifier.weight[3:])  # type: ignore[union-attr,index]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert weights[0].abs().max() <= 0.5  # 1 / sqrt(4), as of nn.Linear


def test_fewer_classes_cut_rows_off_and_type_is_kept() -> None:
    fusion = Sum(DIMS, 3).double()
    first = fusion.classifiers["audio"].weight[:2].clone()  # type: ignore[index]
    resize(fusion, 2)
    torch.testing.assert_close(fusion.classifiers["audio"].weight, first, rtol=0, atol=0)
    assert fusion.num_classes == 2


def test_a_layer_of_as_many_outputs_by_chance_does_not_grow() -> None:
    fusion = Gated(DIMS, num_classes=4)  # its gate has four outputs too
    resize(fusion, 6)
    assert fusion.gate.out_features == 4
    assert len(growing_layers(fusion)) == 3


def test_a_fusion_without_a_linear_classifier_is_refused() -> None:
    fusion = Added(DIMS, 3, unimodal="shared")
    fusion.classifier = nn.Identity()  # type: ignore[assignment]
    with pytest.raises(UserError, match="no linear classifier that could grow"):
        resize(fusion, 4)


def test_shared_logits_of_added_sum_to_the_fused_ones() -> None:
    fusion = Added(DIMS, 3, unimodal="shared")
    output = fusion({name: torch.randn(1, 2, 4) for name in DIMS})
    torch.testing.assert_close(sum(output.unimodal.values()), output.fused)


def test_added_refuses_features_of_different_widths() -> None:
    with pytest.raises(UserError, match="audio: 4, visual: 5"):
        Added({"audio": 4, "visual": 5}, 3)
