"""Weights and activations of eight bits, after training.

Quantisation is simulated: values are rounded to what eight bits can say and computed in float32,
which gives what integer kernels with accumulators of 32 bits give, on any machine. It is not a
measurement of speed. torch's own workflow (`torch.ao.quantization`) is deprecated and torchao has
no int8 for convolutions outside of a traced graph; the rounding itself is torch's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snn_mm.contracts import Batch
from snn_mm.energy import CostModel, energy_compute_pj
from snn_mm.energy.layers import Layer, total
from snn_mm.metrics.coalitions import predict

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
"""What is quantised; batch norm and neurons stay in float32, as integer kernels leave them."""

INT8 = CostModel("45nm-int8-acc32", mac_pj=0.3, ac_pj=0.1, memory_pj_per_byte=0.0)
"""Horowitz (2014), 45 nm: an 8-bit multiplication takes 0.2 pJ and a 32-bit integer addition 0.1
pJ. spikingjelly's `45nm-int8` adds in eight bits (0.03 pJ), in which sums overflow."""


class Range(NamedTuple):
    """The smallest and largest of some values, zero included, and whether all are 0 or 1."""

    low: float = 0.0
    high: float = 0.0
    binary: bool = True

    def widened(self, x: Tensor) -> Range:
        """The range of these values and those of a tensor."""
        low, high = (float(end) for end in x.detach().aminmax())
        binary = self.binary and bool(((x == 0) | (x == 1)).all())
        return Range(min(low, self.low), max(high, self.high), binary)


def quantised_weight(weight: Tensor) -> Tensor:
    """Weights `[C, ...]` rounded to 255 levels, symmetric and by output channel.

    Example:
        >>> quantised_weight(torch.tensor([[1.27, 0.014], [0.0, 0.0]]))
        tensor([[1.2700, 0.0100],
                [0.0000, 0.0000]])
    """
    scale = weight.flatten(1).abs().amax(dim=1).clamp(min=1e-12) / 127  # [C]
    zero = torch.zeros(len(scale), dtype=torch.int32, device=weight.device)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -127, 127)


def quantised_activation(x: Tensor, seen: Range) -> Tensor:
    """Activations `[...]` rounded to the 256 levels of a range, clipped at its ends.

    Example:
        >>> quantised_activation(torch.tensor([0.014, 9.0]), Range(0.0, 2.55, False))
        tensor([0.0100, 2.5500])
    """
    scale = max(seen.high - seen.low, 1e-12) / 255
    return torch.fake_quantize_per_tensor_affine(x, scale, round(-seen.low / scale), 0, 255)


def quantise(module: Any, calibration: Sequence[Batch]) -> list[str]:
    """Quantise a module in place, and return the names of the layers that were.

    What a layer is given is rounded within its range over the calibration data. Spikes are left:
    they have one bit.

    Args:
        module: a copy, in evaluation mode.
        calibration: training batches.
    """
    layers = {name: part for name, part in module.named_modules() if isinstance(part, LAYERS)}
    ranges = dict.fromkeys(layers, Range())
    for layer in layers.values():
        layer.weight.data = quantised_weight(layer.weight.data)

    def look(name: str, inputs: tuple[Tensor, ...]) -> None:
        ranges[name] = ranges[name].widened(inputs[0])

    handles = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: look(name, inputs))
        for name, layer in layers.items()
    ]
    for batch in calibration:
        predict(module, batch)
    for handle in handles:
        handle.remove()
    for name, layer in layers.items():
        if not ranges[name].binary:
            _round_inputs(layer, ranges[name])
    return list(layers)


def _round_inputs(layer: nn.Module, seen: Range) -> None:
    def rounded(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return quantised_activation(inputs[0], seen), *inputs[1:]

    layer.register_forward_pre_hook(rounded)


def int8_energy_pj(layers: Sequence[Layer], quantised: Collection[str], cost: CostModel) -> float:
    """Energy of the arithmetic if products of some layers are of eight bits.

    The rest, batch norm and neurons, stays at its price; rescaling of sums is a part of batch norm.

    Args:
        layers: counts.
        quantised: names of the layers of eight bits.
        cost: pJ of all other operations.

    Returns:
        pJ for as many samples as the counts are of.
    """
    short = total(layer for layer in layers if layer.name in quantised)
    everything = total(layers)
    rest = energy_compute_pj(everything.mac - short.mac_sites, everything.ac - short.synops, cost)
    return rest + energy_compute_pj(short.mac_sites, short.synops, INT8)
