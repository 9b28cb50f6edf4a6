"""Numbers of operations, by layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace


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
