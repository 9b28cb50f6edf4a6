from __future__ import annotations

import pytest

from snn_mm.energy import (
    CostModel,
    energy_compute_pj,
    energy_memory_pj,
    formula_energy_pj,
    preset_cost_model,
    purity,
)
from snn_mm.errors import UserError

CHIP = CostModel("chip", mac_pj=3.0, ac_pj=0.5, memory_pj_per_byte=2.0)


@pytest.mark.parametrize(
    ("name", "mac", "ac"),
    [
        # Horowitz (2014), figure 1.1.9: multiplication plus addition, and addition, 45 nm.
        ("45nm-fp32", 3.7 + 0.9, 0.9),
        ("45nm-fp16", 1.1 + 0.4, 0.4),
        ("45nm-int8", 0.2 + 0.03, 0.03),
    ],
)
def test_presets_are_those_of_horowitz(name: str, mac: float, ac: float) -> None:
    cost = preset_cost_model(name)  # type: ignore[arg-type]
    assert (cost.name, cost.memory_pj_per_byte) == (name, 24.96)
    assert (cost.mac_pj, cost.ac_pj) == pytest.approx((mac, ac))


def test_compute_energy_prices_mac_and_ac_apart() -> None:
    assert energy_compute_pj(mac=10, ac=4, cost=CHIP) == 32.0


def test_memory_energy_prices_bytes() -> None:
    assert energy_memory_pj(7, CHIP) == 14.0


def test_formula_charges_the_first_layer_as_mac_and_spikes_as_ac() -> None:
    assert formula_energy_pj(first_layer_mac=10, synops=100, cost=CHIP) == 80.0


def test_purity_is_a_share_and_none_without_synaptic_operations() -> None:
    assert purity(sites=8, mac_sites=2) == 0.75
    assert purity(sites=0, mac_sites=0) is None


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_cost_that_is_no_energy_is_refused(value: float) -> None:
    with pytest.raises(UserError, match="mac_pj must be a number"):
        CostModel("bad", mac_pj=value, ac_pj=0.9, memory_pj_per_byte=0.0)


def test_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(UserError, match="45nm-fp32, 45nm-fp16, 45nm-int8"):
        preset_cost_model("7nm")  # type: ignore[arg-type]
