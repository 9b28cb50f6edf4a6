"""A spiking encoder as a NIR graph: batch norms folded, neurons mapped, the rest refused by name.

NIR (Pedersen et al., Nature Communications 2024) describes neurons in continuous time. A file is to
be run by forward Euler with steps of `DT`, one step of the network each: then τ dv/dt = v_leak - v
+ R I is u <- u + (x - u)/tau for R = 1 and u <- u - u/tau + x for R = tau, with tau = τ/DT.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from spikingjelly.activation_based import neuron
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from snn_mm.encoders import MLP, ConvNet
from snn_mm.encoders.convnet import GRID
from snn_mm.errors import UserError
from snn_mm.neurons import LIF

DT = 1e-4
"""Seconds that a time step stands for, the unit of every τ; what most readers assume."""

Shape = tuple[int, ...]


class Named(NamedTuple):
    """One layer of an encoder and what the model calls it."""

    name: str
    layer: nn.Module


def encoder_nodes(name: str, encoder: nn.Module, shape: Shape) -> list[Any]:
    """NIR nodes of an encoder, in their order, the first an `Input`.

    Args:
        name: the modality, for messages.
        encoder: a `ConvNet` with average pooling, or an `MLP` of vectors.
        shape: of what it gets in one time step, without N.

    Raises:
        UserError: names the layer that NIR lacks, and the option that avoids it.
    """
    import nir

    where = f"encoders.{name}"
    nodes = [nir.Input(input_type=np.array(shape))]
    for part, after in _with_norms(list(_layers(where, encoder, shape))):
        made = _node(part, after, shape)
        if made is not None:
            nodes.append(made)
            shape = _out_shape(made)
    return nodes


def _layers(where: str, encoder: nn.Module, shape: Shape) -> Iterator[Named]:
    if isinstance(encoder, ConvNet):
        yield from _convnet_layers(where, encoder, shape)
    elif isinstance(encoder, MLP) and not encoder.statistics:
        yield from (Named(f"{where}.{n}", encoder.get_submodule(n)) for n in _mlp_names(encoder))
    else:
        raise UserError(
            f"{where}: {type(encoder).__name__} has no form in NIR yet\n"
            "accepted: ConvNet with pool: average, MLP of vectors; or --to onnx, --to pt2"
        )


def _mlp_names(encoder: MLP) -> Iterator[str]:
    yield from ("input_norm", "linear", "norm", "neuron")
    for number, stage in enumerate(encoder.layers):
        yield from (f"layers.{number}.{i}" for i in range(len(list(stage.children()))))


def _convnet_layers(where: str, encoder: ConvNet, shape: Shape) -> Iterator[Named]:
    def named(*names: str) -> Iterator[Named]:
        return (Named(f"{where}.{name}", encoder.get_submodule(name)) for name in names)

    size = shape[1:]
    for number in range(len(encoder.stages) + 1):
        if number:
            yield from named(*(f"stages.{number - 1}.{i}" for i in range(3)))
        else:
            yield from named("conv", "norm", "neuron")
        if encoder.halves(*size):
            yield from named("halve")
            size = tuple(side // 2 for side in size)
    if size != (GRID, GRID):
        kind = nn.AdaptiveMaxPool2d if encoder.pool == "max" else nn.AdaptiveAvgPool2d
        yield Named(f"{where}: its pool to {GRID}x{GRID}", kind(GRID))
    yield Named(f"{where}: flatten", nn.Flatten())
    yield from named("projection.0", "projection.1", "projection.2")


def _with_norms(layers: list[Named]) -> Iterator[tuple[Named, list[nn.Module]]]:
    """Each layer, with the batch norms that stand around it: the one before, the one behind."""
    kept = [part for part in layers if not isinstance(part.layer, nn.Identity | nn.Dropout)]
    before: nn.Module = nn.Identity()
    for part, following in zip_longest(kept, kept[1:]):
        if isinstance(part.layer, _BatchNorm):
            weighted = isinstance(before, nn.Linear | nn.Conv2d)
            before = nn.Identity() if weighted else part.layer
            continue
        behind = following.layer if following is not None else nn.Identity()
        behind = behind if isinstance(behind, _BatchNorm) else nn.Identity()
        yield part, [before, behind]
        before = part.layer


def _node(part: Named, norms: list[nn.Module], shape: Shape) -> Any:
    import nir

    layer = part.layer
    if isinstance(layer, nn.Linear):
        weight, bias = folded(layer, *norms)
        return nir.Affine(weight, bias)
    if isinstance(layer, nn.Conv2d) and not isinstance(norms[0], _BatchNorm):
        return _convolution(layer, norms[1], shape)
    if isinstance(layer, nn.AvgPool2d | nn.AdaptiveAvgPool2d):
        return _average(part, shape)
    if isinstance(layer, nn.Flatten):
        return nir.Flatten(input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1)
    return neuron_node(part.name, layer, shape)


def _convolution(layer: nn.Conv2d, norm: nn.Module, shape: Shape) -> Any:
    import nir

    weight, bias = folded(layer, nn.Identity(), norm)
    size = (shape[1], shape[2])
    places = (layer.stride, layer.padding, layer.dilation)
    return nir.Conv2d(size, weight, *places, layer.groups, bias)


def _average(part: Named, shape: Shape) -> Any:
    import nir

    if isinstance(part.layer, nn.AvgPool2d):
        kernel = (int(part.layer.kernel_size),) * 2  # type: ignore[arg-type]
    elif shape[1] % GRID or shape[2] % GRID:
        raise UserError(
            f"{part.name}: maps of {shape[1]}x{shape[2]}; NIR's pools have cells of one size\n"
            f"accepted: inputs whose last maps divide by {GRID}, other channels; or --to onnx"
        )
    else:
        kernel = (shape[1] // GRID, shape[2] // GRID)
    pool = nir.AvgPool2d(np.array(kernel), np.array(kernel), np.array((0, 0)))
    size = np.array([shape[0], shape[1] // kernel[0], shape[2] // kernel[1]])
    pool.input_type, pool.output_type = {"input": np.array(shape)}, {"output": size}
    return pool


def neuron_node(name: str, layer: Any, shape: Shape) -> Any:
    """A layer of neurons as `nir.LIF` or `nir.IF`.

    NIR fires strictly above its threshold: neurons that fire at theirs get the next lower number of
    float32.

    Args:
        name: what the model calls it, for messages.
        layer: ours, or spikingjelly's `LIFNode` or `IFNode`.
        shape: of the layer, without N.

    Raises:
        UserError: NIR has no such neuron.
    """
    import nir

    own = isinstance(layer, LIF) and type(layer).multi_step_forward is LIF.multi_step_forward
    plain = type(layer) in (neuron.LIFNode, neuron.IFNode)
    if not (own or plain) or layer.v_reset is None:
        raise UserError(_refusal(name, layer))
    every = np.ones(shape)
    fires_at = getattr(layer, "fires_at_threshold", True)
    reset, threshold = layer.v_reset * every, strict_threshold(layer.v_threshold, fires_at) * every
    if type(layer) is neuron.IFNode:
        return nir.IF(r=every / DT, v_threshold=threshold, v_reset=reset)
    resistance = every if layer.decay_input else layer.tau * every
    return nir.LIF(layer.tau * DT * every, resistance, reset, threshold, reset)


def strict_threshold(threshold: float, fires_at: bool) -> float:
    """The number of float32 strictly above which a neuron fires.

    Example:
        >>> strict_threshold(0.5, fires_at=False), strict_threshold(0.5, fires_at=True) < 0.5
        (0.5, True)
    """
    value = np.float32(threshold)
    return float(np.nextafter(value, np.float32(-np.inf)) if fires_at else value)


def _refusal(name: str, layer: nn.Module) -> str:
    kind = type(layer).__name__
    if "MaxPool" in kind:
        return f"{name}: NIR has no max pooling\naccepted: ConvNet with pool: average, trained so"
    advice = "LIF with hard reset" if hasattr(layer, "v_threshold") else "a spiking network"
    return f"{name}: NIR has no {kind}\naccepted: {advice}; or --to onnx, --to pt2"


def folded(
    layer: nn.Linear | nn.Conv2d, before: nn.Module, behind: nn.Module
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight and bias of a layer with the batch norms around it, computed in float64.

    Args:
        layer: linear; a convolution has no norm before it.
        before: a batch norm of what goes in, or anything else.
        behind: a batch norm of what comes out, or anything else.
    """
    weight = layer.weight.detach().double()
    bias = torch.zeros(len(weight)).double() if layer.bias is None else layer.bias.detach().double()
    if isinstance(before, _BatchNorm):
        scale, shift = _affine(before)
        weight, bias = weight * scale, bias + weight @ shift
    if isinstance(behind, _BatchNorm):
        scale, shift = _affine(behind)
        weight = weight * scale.view(-1, *(1 for _ in weight.shape[1:]))
        bias = bias * scale + shift
    return weight.contiguous().float().numpy(), bias.float().numpy()


def _affine(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Scale and shift `[C]` of a batch norm in evaluation mode."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise UserError("export: a batch norm without running statistics has no fixed form")
    scale = (variance.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.detach().double()
    shift = -mean.double() * scale
    return scale, shift if norm.bias is None else shift + norm.bias.detach().double()


def _out_shape(node: Any) -> Shape:
    return tuple(int(side) for side in node.output_type["output"])
