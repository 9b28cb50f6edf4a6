"""What operations cost, and the formulas that turn counts into energy. All pure functions.

Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, 45 nm: a float32
multiplication takes 3.7 pJ and an addition 0.9 pJ, so a multiply-accumulate takes 4.6 pJ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from spikingjelly.activation_based.op_counter import SimpleEnergyCostConfig

from snn_mm.errors import UserError

Preset = Literal["45nm-fp32", "45nm-fp16", "45nm-int8"]
"""Cost models that spikingjelly ships, after Horowitz (2014)."""


@dataclass(frozen=True)
class CostModel:
    """Energy of one operation and of one byte moved.

    Args:
        name: what reports call it.
        mac_pj: pJ of a multiply-accumulate.
        ac_pj: pJ of an accumulate.
        memory_pj_per_byte: pJ of reading or writing one byte.
    """

    name: str
    mac_pj: float
    ac_pj: float
    memory_pj_per_byte: float

    def __post_init__(self) -> None:
        for key in ("mac_pj", "ac_pj", "memory_pj_per_byte"):
            value = getattr(self, key)
            if not math.isfinite(value) or value < 0:
                raise UserError(
                    f"cost_model.{key} must be a number of picojoules, not negative, got {value}"
                )


def preset_cost_model(name: Preset) -> CostModel:
    """Return a cost model that spikingjelly ships; only its arithmetic depends on the precision.

    Raises:
        UserError: no such preset.

    Example:
        >>> preset_cost_model("45nm-fp32").mac_pj, preset_cost_model("45nm-fp32").ac_pj
        (4.6, 0.9)
    """
    if name not in get_args(Preset):
        raise UserError(
            f"cost_model: {name!r} is not one of {', '.join(get_args(Preset))}\n"
            "or a model of your own: name, mac_pj, ac_pj, memory_pj_per_byte"
        )
    config: SimpleEnergyCostConfig = getattr(SimpleEnergyCostConfig, name.removeprefix("45nm-"))()
    return CostModel(name, config.e_mac_pj, config.e_ac_pj, config.e_memory_pj_per_byte)


def energy_compute_pj(mac: float, ac: float, cost: CostModel) -> float:
    """Energy of all arithmetic: E = E_MAC · MAC + E_AC · AC.

    Args:
        mac: number of multiply-accumulates, batch norm's among them.
        ac: number of accumulates: those of spikes, of batch norm and of the neurons themselves.
        cost: pJ per operation.

    Returns:
        pJ for as many samples as the counts are of.

    Example:
        >>> energy_compute_pj(10, 100, preset_cost_model("45nm-fp32"))  # 46 + 90
        136.0
    """
    return mac * cost.mac_pj + ac * cost.ac_pj


def energy_memory_pj(memory_bytes: float, cost: CostModel) -> float:
    """Energy of memory traffic: E = E_byte · bytes.

    Args:
        memory_bytes: bytes of weights, biases and membranes that are read or written.
        cost: pJ per byte.

    Returns:
        pJ for as many samples as the count is of.

    Example:
        >>> energy_memory_pj(4, CostModel("mine", mac_pj=4.6, ac_pj=0.9, memory_pj_per_byte=2.0))
        8.0
    """
    return memory_bytes * cost.memory_pj_per_byte


def formula_energy_pj(first_layer_mac: float, synops: float, cost: CostModel) -> float:
    """The formula most papers print: E = E_MAC · MAC(first layer) + E_AC · SynOps.

    Zhou et al., "Spikformer", ICLR 2023, Eq. 12, with SynOps measured instead of estimated from
    firing rates. It knows of no batch norm, no neurons and no memory, and an operation behind the
    first layer that no spike drives costs nothing: read it beside `purity`.

    Args:
        first_layer_mac: multiply-accumulates of the layers that see the raw input.
        synops: accumulates that a spike drives, in matrix products and convolutions.
        cost: pJ per operation.

    Returns:
        pJ for as many samples as the counts are of.

    Example:
        >>> formula_energy_pj(10, 100, preset_cost_model("45nm-fp32"))
        136.0
    """
    return first_layer_mac * cost.mac_pj + synops * cost.ac_pj


def purity(sites: int, mac_sites: int) -> float | None:
    """Share of synaptic operations that binary spikes drive: 1 - MAC sites / sites.

    A site is one connection used at one time step: what a dense network of this shape would spend a
    multiply-accumulate on. A site is spiking if the input of its layer holds nothing but 0 and 1
    for that sample; scaled, averaged or attention-weighted spikes are not.

    Args:
        sites: connections used by matrix products and convolutions behind the first layer.
        mac_sites: those of them whose layer had an input that was not binary.

    Returns:
        A share in [0, 1]; None where there are no such sites.

    Example:
        >>> purity(sites=100, mac_sites=25)
        0.75
    """
    return None if sites == 0 else (sites - mac_sites) / sites
