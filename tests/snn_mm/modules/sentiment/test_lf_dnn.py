from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.modules.sentiment.lf_dnn import LFDNN

Widths = Callable[..., tuple[dict[str, int], dict[str, int]]]


def test_has_as_many_parameters_as_the_peer_on_sims_v2(
    sims_v2: tuple[dict[str, int], dict[str, int]],
) -> None:
    assert sum(p.numel() for p in LFDNN(*sims_v2).parameters()) == 265_589


def test_score_is_that_of_the_concatenated_vectors_in_the_order_of_modalities(
    widths: Widths, clips_for: Callable[..., Any]
) -> None:
    network = LFDNN(*widths()).double().eval()
    inputs, lengths = clips_for(network)
    vectors = [network.encoders[m](inputs[m], lengths[m]) for m in ("text", "audio", "visual")]
    expected = network.fused_head(torch.cat(vectors, dim=1))
    torch.testing.assert_close(network(inputs, lengths), {"fused": expected})


def test_order_of_a_batch_does_not_matter(widths: Widths, clips_for: Callable[..., Any]) -> None:
    network = LFDNN(*widths()).double().eval()
    inputs, lengths = clips_for(network)
    turned = dict(reversed(inputs.items())), dict(reversed(lengths.items()))
    torch.testing.assert_close(network(*turned), network(inputs, lengths), rtol=0, atol=0)


def test_parameters_belong_to_a_modality_or_to_the_fusion(widths: Widths) -> None:
    network = LFDNN(*widths())
    owned = [p for name in network.modalities for p in network.modality_parameters(name)]
    owned += network.fusion_parameters("module")
    assert len(owned) == len(set(owned)) == len(list(network.parameters()))


def test_a_training_batch_of_one_clip_is_refused(
    widths: Widths, clips_for: Callable[..., Any]
) -> None:
    network = LFDNN(*widths()).double().train()
    with pytest.raises(UserError, match="one sample"):
        network(*clips_for(network).alone(0))
