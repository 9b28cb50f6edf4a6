"""A trained ANN as a spiking network: its rates stand for activations.

This is spikingjelly's rate coding (`ann2snn.RateCodingRecipe`): a percentile of each ReLU's output
over training data becomes the threshold of integrate-and-fire neurons with soft reset. The recipe
keeps one scale before and one behind the neurons, so that the next layer sees scaled spikes and
would be charged multiplications; here scales go into the weights around them, as in Rueckauer et
al., "Conversion of continuous-valued deep networks to efficient event-driven networks for image
classification" (2017), Eq. 6, which changes no spike: the tests compare both. Max-pools are theirs
too, see `gated_pool`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from spikingjelly.activation_based.ann2snn.modules import VoltageHook
from spikingjelly.activation_based.neuron import IFNode
from torch import Tensor, nn

from snn_mm.analysis.latency.gated_pool import gate_pools
from snn_mm.analysis.latency.int8 import LAYERS
from snn_mm.contracts import Batch
from snn_mm.encoders import MLP, ConvNet
from snn_mm.errors import UserError
from snn_mm.fusion import Concat, Sum
from snn_mm.metrics.coalitions import predict
from snn_mm.neurons import is_spiking

PERCENTILE = "99.9%"
"""Of activations: what is above would only make the rest slow (Rueckauer et al., 2017)."""

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
TOLERANCE = 1e-3
"""How far probabilities may move when scales go into the weights; rounding moves them by 1e-6."""

Chain = list[tuple[Any, Any, str]]
"""Layers in the order in which they run: weights, their batch norm if any, name of the ReLU."""


def converts(module: Any) -> bool:
    """Whether a network is a chain of layers with ReLU, behind it a linear fusion."""
    parts = list(module.encoders.values())
    chains = all(isinstance(part, ConvNet | MLP) for part in parts)
    linear = type(getattr(module, "fusion", None)) in (Concat, Sum)
    relu = all(any(type(p) is nn.ReLU for p in part.modules()) for part in parts)
    return chains and linear and relu and not is_spiking(module)


@torch.no_grad()
def convert(module: Any, calibration: Sequence[Batch]) -> None:
    """Make an ANN an SNN, in place; its inputs are static afterwards, see `averaged`.

    Args:
        module: a copy, in evaluation mode.
        calibration: training batches.

    Raises:
        UserError: it is no chain of layers, so that scales can't go into the weights, or no sample
            has one of its modalities.
    """
    before = [predict(module, batch) for batch in calibration]
    chains = {name: chain_of(part, module, calibration) for name, part in module.encoders.items()}
    if unseen := [name for name, chain in chains.items() if not chain]:
        raise UserError(f"latency: no sample of the calibration has {', '.join(unseen)}")
    scales = activation_scales(module, chains, calibration)
    for name, chain in chains.items():
        last = normalise(chain, scales[name])
        scale_operand(module.fusion, name, last)
    after = [predict(module, batch) for batch in calibration]
    apart = max(furthest(*pair) for pair in zip(before, after))
    if apart > TOLERANCE:
        raise UserError(f"{type(module).__name__}: converted it differs by {apart:.1e}; no chain")
    for name, part in module.encoders.items():
        for _, _, relu in chains[name]:
            parent, _, child = relu.rpartition(".")
            neurons = IFNode(v_threshold=1.0, v_reset=None, step_mode="m")
            part.get_submodule(parent).register_module(child, neurons)
        gate_pools(part)
        if hasattr(part, "input_kind"):
            part.input_kind = "frames" if part.input_kind == "frames" else "static"


def furthest(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """How far predictions `[N, K]` by head are apart at most; NaN, of who is absent, says nothing.

    Example:
        >>> furthest({"fused": torch.tensor([[0.5]])}, {"fused": torch.tensor([[0.75]])})
        0.25
    """
    return max(float((one[name] - other[name]).abs().nan_to_num().max()) for name in one)


def chain_of(encoder: nn.Module, module: Any, calibration: Sequence[Batch]) -> Chain:
    """The layers of an encoder, in the order in which they run; none if no sample reaches it."""
    names = {part: name for name, part in encoder.named_modules()}
    chain: Chain = []

    def note(part: nn.Module, *_: Any) -> None:
        if isinstance(part, LAYERS):
            chain.append((part, None, ""))
        elif chain and isinstance(part, NORMS):
            chain[-1] = (chain[-1][0], part, "")
        elif chain:
            chain[-1] = (*chain[-1][:2], names[part])

    kinds = (*LAYERS, *NORMS, nn.ReLU)
    handles = [p.register_forward_hook(note) for p in names if isinstance(p, kinds)]
    for batch in calibration:
        predict(module, batch)
        if chain:
            break
    for handle in handles:
        handle.remove()
    if not all(relu for *_, relu in chain):
        raise UserError(f"{type(encoder).__name__}: layers without a ReLU of their own; no chain")
    return chain


def activation_scales(
    module: Any, chains: Mapping[str, Chain], calibration: Sequence[Batch]
) -> dict[str, list[float]]:
    """A percentile of the output of every ReLU, by modality."""
    hooks, handles = dict[str, list[Any]](), []
    for name, chain in chains.items():
        own = hooks[name] = [VoltageHook(mode=PERCENTILE).train() for _ in chain]
        for hook, (*_, relu) in zip(own, chain):
            layer = module.encoders[name].get_submodule(relu)
            handles.append(layer.register_forward_hook(lambda *seen, hook=hook: hook(seen[-1])))
    for batch in calibration:
        predict(module, batch)
    for handle in handles:
        handle.remove()
    return {name: [max(float(h.scale), 1e-6) for h in own] for name, own in hooks.items()}


def normalise(chain: Chain, scales: Sequence[float]) -> float:
    """Divide the output of every ReLU by its scale, in the weights; the last scale.

    Args:
        chain: layers of one encoder.
        scales: of their outputs.
    """
    before = 1.0
    for (layer, norm, _), scale in zip(chain, scales, strict=True):
        layer.weight.data *= before
        behind: Any = layer if norm is None else norm
        behind.weight.data /= scale
        if behind.bias is not None:
            behind.bias.data /= scale
        before = scale
    return before


def scale_operand(fusion: Concat | Sum, modality: str, scale: float) -> None:
    """Have a linear fusion multiply the features of a modality by a number."""
    of_classes: list[Any] = [fusion.heads[modality]] if fusion.heads else []
    if isinstance(fusion, Sum):
        of_classes.append(fusion.classifiers[modality])
    else:
        widths = list(fusion.feature_dims.values())
        columns = torch.split(fusion.classifier.weight.data, widths, dim=1)
        columns[list(fusion.feature_dims).index(modality)].mul_(scale)
    for classifier in of_classes:
        classifier.weight.data *= scale


def averaged(batch: Batch, modalities: Sequence[str]) -> Batch:
    """A batch whose events are their mean over time `[N, C, H, W]`, as an ANN sees them.

    Args:
        batch: with events `[N, T, C, H, W]`.
        modalities: those of events.
    """
    means: dict[str, Tensor] = {
        name: batch["inputs"][name].mean(dim=1) for name in modalities if name in batch["inputs"]
    }
    seen: Batch = {**batch, "inputs": {**batch["inputs"], **means}}
    return seen
