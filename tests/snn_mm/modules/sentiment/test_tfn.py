from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.modules.sentiment.multitask import MTFN
from snn_mm.modules.sentiment.tfn import TFN, squashed, tensor_fusion

Widths = Callable[..., tuple[dict[str, int], dict[str, int]]]


def test_tensor_fusion_holds_every_product_with_ones() -> None:
    a, b, c = (torch.randn(2, d, dtype=torch.float64) for d in (3, 2, 4))
    fused = tensor_fusion([a, b, c]).numpy()
    for n in range(2):
        rows = [np.concatenate([[1.0], v[n].numpy()]) for v in (a, b, c)]
        expected = [x * y * z for x in rows[0] for y in rows[1] for z in rows[2]]
        assert fused[n] == pytest.approx(expected, rel=1e-12)


def test_tensor_fusion_of_one_modality_is_its_vector_after_a_one() -> None:
    torch.testing.assert_close(
        tensor_fusion([torch.tensor([[2.0, 3.0]])]), torch.tensor([[1.0, 2.0, 3.0]])
    )


def test_has_as_many_parameters_as_the_peer_on_sims_v2(
    sims_v2: tuple[dict[str, int], dict[str, int]],
) -> None:
    with torch.device("meta"):
        network = TFN(*sims_v2)
    assert sum(p.numel() for p in network.parameters()) == 18_109_461


@pytest.mark.parametrize("network_class", [TFN, MTFN])
def test_output_range_bounds_the_fused_score(
    network_class: type[TFN], widths: Widths, clips_for: Callable[..., Any]
) -> None:
    network = network_class(*widths(), output_range=(-1.0, 1.0)).double().eval()
    inputs, lengths = clips_for(network)
    network.fused_head[-2].weight.data.mul_(1e4)
    loud = network(inputs, lengths)["fused"]
    assert loud.abs().max() <= 1
    network.output_range = None
    linear = network(inputs, lengths)["fused"]
    assert linear.abs().max() > 1
    torch.testing.assert_close(loud, squashed(linear, (-1.0, 1.0)))


def test_squashed_is_a_scaled_logistic_function() -> None:
    score = torch.tensor([-2.0, 0.0, 0.5], dtype=torch.float64)
    expected = -3 + 6 / (1 + np.exp(-score.numpy()))
    assert squashed(score, (-3.0, 3.0)).numpy() == pytest.approx(expected, rel=1e-12)


def test_a_range_in_the_wrong_order_is_refused(widths: Widths) -> None:
    with pytest.raises(UserError, match=r"output_range is \[3.0, -3.0\]"):
        TFN(*widths(), output_range=(3.0, -3.0))
