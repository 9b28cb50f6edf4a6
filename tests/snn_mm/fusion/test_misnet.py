from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.fusion import CMCI, MISNET
from snn_mm.fusion.misnet import leaky_compartment

Spikes = Callable[..., dict[str, Tensor]]
DIMS = {"a": 4, "b": 4}


def test_compartment_sums_past_currents_by_powers_of_its_leak() -> None:
    current, leak = torch.randn(5, 2, 3).double(), torch.rand(3).double()
    powers = np.arange(5)[:, None] - np.arange(5)  # t - s
    kernel = np.where(powers[..., None] >= 0, leak.numpy() ** np.maximum(powers, 0)[..., None], 0)
    expected = np.einsum("tsd,snd->tnd", kernel, current.numpy())
    np.testing.assert_allclose(leaky_compartment(current, leak), expected, rtol=1e-12)


def test_one_soma_fires_on_the_charge_of_all_compartments(
    make_spikes: Spikes, lif: Any, norm: Any
) -> None:
    fusion, x = MISNET(DIMS, 3, leak=0.3).double(), make_spikes(DIMS)
    charge = sum(
        leaky_compartment(synapse(x[name]), torch.full((4,), 0.3).double())
        for name, synapse in fusion.synapses.items()
    )
    assert isinstance(charge, Tensor)
    spikes = fusion.joint(x).detach()
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_array_equal(spikes, lif(norm(charge.detach().numpy())))


def test_without_leaks_it_is_cmci(make_spikes: Spikes) -> None:
    fusion, plain, x = MISNET(DIMS, 3).double(), CMCI(DIMS, 3).double(), make_spikes(DIMS)
    plain.load_state_dict(fusion.state_dict(), strict=False)
    assert not torch.equal(fusion.fuse(x), plain.fuse(x))
    for logit in fusion.leak_logits.values():
        logit.data.fill_(-torch.inf)
    assert torch.equal(fusion.fuse(x), plain.fuse(x))


def test_impossible_leak_is_refused() -> None:
    with pytest.raises(UserError, match="leak must be between 0 and 1, got 1"):
        MISNET(DIMS, 3, leak=1.0)
