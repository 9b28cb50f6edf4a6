from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from snn_mm.fusion import CMCI

Spikes = Callable[..., dict[str, Tensor]]
DIMS = {"a": 4, "b": 6}


@pytest.mark.parametrize("with_norm", [True, False])
def test_currents_of_all_modalities_meet_in_one_neuron(
    with_norm: bool, make_spikes: Spikes, lif: Any, norm: Any
) -> None:
    fusion, x = CMCI(DIMS, 3, width=5, norm=with_norm).double(), make_spikes(DIMS)
    current = np.zeros((3, 16, 5))
    for name, synapse in fusion.synapses.items():
        synapse.weight.data *= 4  # enough to fire without a norm
        current += x[name].numpy() @ synapse.weight.detach().numpy().T
        current += 0.0 if with_norm else synapse.bias.detach().numpy()
    spikes = fusion.joint(x).detach()
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_array_equal(spikes, lif(norm(current) if with_norm else current))


def test_width_is_by_default_that_of_the_widest_modality() -> None:
    assert CMCI(DIMS, 3).classifier.in_features == 6
