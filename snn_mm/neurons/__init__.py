"""Spiking neurons: the papers' LIF presets, the layer behind them, and what spikes in a network."""

from snn_mm.neurons.carried import Carrier, States
from snn_mm.neurons.connected_lif import ConnectedLIF
from snn_mm.neurons.fused_lif import repeated
from snn_mm.neurons.lif import LIF
from snn_mm.neurons.normed import (
    SpikingProjection,
    SpikingSequential,
    normed_spikes,
    pooled_spikes,
)
from snn_mm.neurons.presets import IEMFLIF, SCMRLLIF, SGMTLIF, TAAFLIF, NeuronFactory
from snn_mm.neurons.spiking import (
    StartsAtRest,
    detached_after,
    fires,
    is_spiking,
    reset_neurons,
    response,
    spiking_layers,
    unused,
)

__all__ = [
    "IEMFLIF",
    "LIF",
    "SCMRLLIF",
    "SGMTLIF",
    "TAAFLIF",
    "Carrier",
    "ConnectedLIF",
    "NeuronFactory",
    "SpikingProjection",
    "SpikingSequential",
    "StartsAtRest",
    "States",
    "detached_after",
    "fires",
    "is_spiking",
    "normed_spikes",
    "pooled_spikes",
    "repeated",
    "reset_neurons",
    "response",
    "spiking_layers",
    "unused",
]
