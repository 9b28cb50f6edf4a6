"""Which part of a module a layer belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import nn

from snn_mm.contracts import OwnsParameters
from snn_mm.energy.counts import Counts, Layer

FUSION = "fusion"
"""The part of all that belongs to no single modality."""


def label_layers(module: nn.Module, counts: dict[str, Counts]) -> list[Layer]:
    """Say of each layer which part it belongs to, and whether it sees the raw input.

    A modality has its encoder and its own classifier. The first layer of an encoder is the first
    that ran a matrix product or a convolution. A network without encoders is one part, `network`.

    Args:
        module: the network; a `MultimodalModule`, or anything.
        counts: by module name, in the order in which layers ran.
    """
    part_of = _part_finder(module)
    layers, begun = [], set()
    for name, numbers in counts.items():
        part = part_of(name)
        in_encoder = part != FUSION
        is_first = in_encoder and numbers.sites > 0 and part not in begun
        if is_first:
            begun.add(part)
        layers.append(Layer(name or type(module).__name__, part, is_first, numbers))
    return layers


def _part_finder(module: nn.Module) -> Callable[[str], str]:
    encoders = getattr(module, "encoders", None)
    if not isinstance(encoders, nn.ModuleDict):
        return lambda name: "network"
    owners = {id(part): key for key, parts in _owned(module, encoders) for part in parts}

    def part_of(name: str) -> str:
        return owners.get(id(module.get_submodule(name)), FUSION)

    return part_of


def _owned(module: nn.Module, encoders: nn.ModuleDict) -> Iterator[tuple[str, list[nn.Module]]]:
    """The modules of each modality: its encoder's, and layers made of its parameters alone."""
    for key, encoder in encoders.items():
        parts = list(encoder.modules())
        if isinstance(module, OwnsParameters):
            own = {id(parameter) for parameter in module.modality_parameters(key)}
            parts += [part for part in module.modules() if _is_made_of(part, own)]
        yield key, parts


def _is_made_of(part: nn.Module, parameters: set[int]) -> bool:
    own = [id(parameter) for parameter in part.parameters()]
    return bool(own) and all(parameter in parameters for parameter in own)
