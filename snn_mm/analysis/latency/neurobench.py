"""NeuroBench's measures of complexity, under its names.

Yik et al., "The NeuroBench framework for benchmarking neuromorphic computing algorithms and
systems", Nature Communications 16, 2025. Counts are per sample, over layers that are called.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from snn_mm.analysis.latency.int8 import LAYERS
from snn_mm.contracts import Batch
from snn_mm.energy.copies import copy_for_counting
from snn_mm.metrics.coalitions import predict
from snn_mm.neurons import spiking_layers

FOOTPRINT, CONNECTIONS, ACTIVATIONS = "footprint", "connection_sparsity", "activation_sparsity"
MACS, ACS, DENSE = (
    f"synaptic_operations/{x}" for x in ("Effective_MACs", "Effective_ACs", "Dense")
)
NAMES = (FOOTPRINT, CONNECTIONS, ACTIVATIONS, MACS, ACS, DENSE)


def connections_used(layer: Any, x: Tensor) -> tuple[float, float]:
    """Connections that a nonzero input meets with a nonzero weight, and all that are there.

    Args:
        layer: a convolution or a linear layer.
        x: its input `[..., C, ...]`; padding is no input.
    """
    found = []
    for pair in ((x != 0, layer.weight != 0), (torch.ones_like(x), torch.ones_like(layer.weight))):
        values, weight = (each.double() for each in pair)
        if isinstance(layer, nn.Linear):
            found.append(float(nn.functional.linear(values, weight).sum()))
            continue
        spatial = weight.dim() - 1
        convolve = getattr(nn.functional, f"conv{spatial - 1}d")
        images = values.flatten(0, max(values.dim() - spatial - 1, 0))  # [B, C, ...]
        options = (layer.stride, layer.padding, layer.dilation, layer.groups)
        found.append(float(convolve(images, weight, None, *options).sum()))
    return found[0], found[1]


def footprint_bytes(module: nn.Module, short: Collection[str] = ()) -> int:
    """Bytes of parameters and buffers.

    Args:
        module: the network.
        short: layers whose weights have eight bits, each output with a scale in float32.
    """
    held = [*module.parameters(), *module.buffers()]
    size = sum(x.numel() * x.element_size() for x in held)
    for name in short:
        weight: Any = module.get_submodule(name).weight
        size -= weight.numel() * (weight.element_size() - 1) - 4 * len(weight)
    return size


@torch.no_grad()
def neurobench(
    module: Any, samples: Sequence[Batch], short: Collection[str] = ()
) -> dict[str, float]:
    """The measures of a network by name.

    Args:
        module: the network.
        samples: batches of one sample on the CPU.
        short: layers whose weights have eight bits.
    """
    copy = copy_for_counting(module)
    layers = [part for part in copy.modules() if isinstance(part, LAYERS)]
    sums = dict.fromkeys((MACS, ACS, DENSE), 0.0)
    silent = [0, 0]

    def count(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        used, dense = connections_used(layer, x)
        binary = bool(((x == 0) | (x.abs() == 1)).all())
        sums[ACS if binary else MACS] += used
        sums[DENSE] += dense

    def look(_: nn.Module, __: Any, out: Tensor) -> None:
        silent[0] += int((out == 0).sum())
        silent[1] += out.numel()

    for layer in layers:
        layer.register_forward_pre_hook(count)
    for part in (*(p for _, p in spiking_layers(copy)), *activations(copy)):
        part.register_forward_hook(look)
    for sample in samples:
        predict(copy, sample)
    weights = [layer.weight for layer in layers]
    zeros = sum(int((w == 0).sum()) for w in weights)
    return {
        FOOTPRINT: float(footprint_bytes(copy, short)),
        CONNECTIONS: zeros / max(sum(w.numel() for w in weights), 1),
        ACTIVATIONS: silent[0] / max(silent[1], 1),
        **{name: value / len(samples) for name, value in sums.items()},
    }


def activations(module: nn.Module) -> list[nn.Module]:
    """The ReLU layers of an ANN."""
    return [part for part in module.modules() if isinstance(part, nn.ReLU)]


def nested(metrics: dict[str, float]) -> dict[str, Any]:
    """The measures as NeuroBench's results have them, synaptic operations in a dictionary.

    Example:
        >>> nested({"footprint": 8.0, "synaptic_operations/Dense": 3.0, "accuracy/fused": 1.0})
        {'footprint': 8.0, 'synaptic_operations': {'Dense': 3.0}}
    """
    flat = {name: metrics[name] for name in NAMES if name in metrics and "/" not in name}
    within = {name.split("/")[1]: metrics[name] for name in NAMES[3:] if name in metrics}
    return {**flat, "synaptic_operations": within}
