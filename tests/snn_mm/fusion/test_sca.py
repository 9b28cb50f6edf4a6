from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from snn_mm.fusion import SCA
from snn_mm.neurons import reset_neurons

Spikes = Callable[..., dict[str, Tensor]]
DIMS = {"a": 16, "b": 16, "c": 16}


@pytest.mark.parametrize("tokens", ["groups", "time"])
def test_each_modality_asks_all_others_and_answers_in_spikes(
    tokens: str, make_spikes: Spikes
) -> None:
    fusion = SCA(DIMS, 3, tokens=tokens, scale=4.0).double()  # type: ignore[arg-type]
    x = make_spikes(DIMS)
    mixed = fusion.mix(x)
    reset_neurons(fusion)
    context = torch.cat([x["a"], x["c"]], dim=-1)
    assert torch.equal(mixed["b"], fusion.attention["b"](x["b"], context))
    assert all(set(value.unique().tolist()) == {0.0, 1.0} for value in mixed.values())


def test_classifier_reads_the_sum_without_a_residual(make_spikes: Spikes) -> None:
    fusion, x = SCA(DIMS, 3).double(), make_spikes(DIMS)
    total = torch.stack(list(fusion.mix(x).values())).sum(dim=0)
    torch.testing.assert_close(fusion.fuse(x), fusion.classifier(total))
