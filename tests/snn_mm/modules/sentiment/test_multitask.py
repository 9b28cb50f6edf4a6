"""MLF-DNN, MLMF and MTFN: a baseline with a head for each modality."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from snn_mm.modules.sentiment.lf_dnn import LFDNN
from snn_mm.modules.sentiment.lmf import LMF
from snn_mm.modules.sentiment.multitask import MLFDNN, MLMF, MTFN
from snn_mm.modules.sentiment.subnets import LateFusion
from snn_mm.modules.sentiment.tfn import TFN

Widths = Callable[..., tuple[dict[str, int], dict[str, int]]]
NETWORKS: list[Any] = [MLFDNN, MLMF, MTFN]


@pytest.mark.parametrize(
    ("network_class", "parameters"), [(MLFDNN, 554_420), (MLMF, 239_624), (MTFN, 2_584_032)]
)
def test_has_as_many_parameters_as_the_peer_on_sims_v2(
    network_class: Any, parameters: int, sims_v2: tuple[dict[str, int], dict[str, int]]
) -> None:
    assert sum(p.numel() for p in network_class(*sims_v2).parameters()) == parameters


@pytest.mark.parametrize("network_class", NETWORKS)
def test_each_head_scores_the_vector_of_its_modality_alone(
    network_class: Any, widths: Widths, clips_for: Callable[..., Any]
) -> None:
    wide = dict.fromkeys(("text", "audio", "visual"), 16)  # MMSA's 4 units may all be dead
    network = network_class(*widths(), head_hidden=wide).double().eval()
    inputs, lengths = clips_for(network)
    before = network(inputs, lengths)
    assert tuple(before) == network.heads == ("text", "audio", "visual", "fused")
    inputs["audio"] += 1.0
    after = network(inputs, lengths)
    changed = {head for head in before if not torch.equal(before[head], after[head])}
    assert changed == {"audio", "fused"}


@pytest.mark.parametrize(("single", "multi"), [(LFDNN, MLFDNN), (LMF, MLMF), (TFN, MTFN)])
def test_the_fused_score_is_that_of_the_network_without_heads(
    single: Any, multi: Any, widths: Widths, clips_for: Callable[..., Any]
) -> None:
    sizes = {"hidden": {"text": 6, "audio": 4, "visual": 6}}
    network = multi(*widths(), **sizes).double().eval()
    fused = {"fused_hidden": 64} if single is not LMF else {"rank": 6}
    text_out = {"text_out": 32} if single is not LMF else {}
    alone = single(*widths(), **sizes, **fused, **text_out).double().eval()
    alone.load_state_dict(network.state_dict(), strict=False)
    clips = clips_for(network)
    torch.testing.assert_close(alone(*clips)["fused"], network(*clips)["fused"], rtol=0, atol=0)


@pytest.mark.parametrize("network_class", NETWORKS)
def test_a_head_belongs_to_its_modality(network_class: type[LateFusion], widths: Widths) -> None:
    network = network_class(*widths())
    own = {id(p) for p in network.modality_parameters("audio")}
    head = {id(p) for p in network.unimodal_heads["audio"].parameters()}
    assert head < own
    assert not own & {id(p) for p in network.fusion_parameters("module")}


@pytest.mark.parametrize("network_class", NETWORKS)
def test_a_modalitys_own_score_trains_its_network_and_no_other(
    network_class: Any, widths: Widths, clips_for: Callable[..., Any]
) -> None:
    network = network_class(*widths()).double()
    network(*clips_for(network))["text"].sum().backward()
    trained = {
        name: any(p.grad is not None for p in encoder.parameters())
        for name, encoder in network.encoders.items()
    }
    assert trained == {"text": True, "audio": False, "visual": False}
