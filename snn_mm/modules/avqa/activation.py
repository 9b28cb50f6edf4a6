"""Activations that may be neurons."""

from __future__ import annotations

from spikingjelly.activation_based import functional
from torch import nn

from snn_mm.neurons import NeuronFactory, is_spiking


def activation(neuron: NeuronFactory, width: int) -> nn.Module:
    """An activation as it is; spiking neurons behind a layer norm.

    The layers of Baseline and ST-AVQA have no norm, and what a fresh linear layer gives would never
    reach a firing threshold.

    Args:
        neuron: makes the activation.
        width: D of what it gets.
    """
    layer = neuron()
    functional.set_step_mode(layer, "m")
    return nn.Sequential(nn.LayerNorm(width), layer) if is_spiking(layer) else layer
