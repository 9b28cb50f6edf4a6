"""Numbers of operations by layer, and which part of a module a layer belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, replace

from torch import nn

from snn_mm.contracts import OwnsParameters

FUSION = "fusion"
"""The part of all that belongs to no single modality."""


@dataclass(frozen=True)
class Counts:
    """Operations of some layers, summed over samples.

    Attributes:
        mac: multiply-accumulates, batch norm's among them.
        ac: accumulates: those of spikes, of batch norm and of the neurons themselves.
        synops: accumulates that a spike drives, in matrix products and convolutions.
        neuron_updates: membrane updates, one per neuron and time step.
        memory_bytes: bytes of weights, biases and membranes that are read or written.
        sites: connections used by matrix products and convolutions, whatever drives them.
        mac_sites: those of them whose input was not binary.
    """

    mac: int = 0
    ac: int = 0
    synops: int = 0
    neuron_updates: int = 0
    memory_bytes: int = 0
    sites: int = 0
    mac_sites: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other))))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*(a - b for a, b in zip(astuple(self), astuple(other))))

    def as_ann(self) -> Counts:
        """The same layers without spikes: every connection costs a multiply-accumulate."""
        return replace(
            self,
            mac=self.mac - self.mac_sites + self.sites,
            ac=self.ac - self.synops,
            synops=0,
            mac_sites=self.sites,
        )


@dataclass(frozen=True)
class Layer:
    """Counts of one layer.

    Attributes:
        name: its name in the network; that of a container, such as a residual block or a fusion,
            stands for what it computes beside its layers.
        part: the modality it belongs to, or the fusion.
        is_first: whether it is the layer of its encoder that sees the raw input.
        counts: summed over samples.
    """

    name: str
    part: str
    is_first: bool
    counts: Counts


def total(layers: Iterable[Layer]) -> Counts:
    """Sum of the counts of layers."""
    return sum((layer.counts for layer in layers), Counts())


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
