"""Layers of neurons of other libraries, each with ours of the same dynamics and surrogate."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from plain_loop import Neurons, Reset
from spikingjelly.activation_based import neuron, surrogate
from spikingjelly.activation_based.functional import reset_net
from torch import Tensor, nn

from snn_mm.neurons import IEMFLIF
from snn_mm.neurons.lif import LIF


def ours(surrogate_function: nn.Module, decay_input: bool, detach_reset: bool) -> LIF:
    """Our neuron with tau = 2, so that a leak is exact in binary, firing above 1."""
    return LIF(2.0, decay_input, 1.0, False, surrogate_function, detach_reset)


def arctangent() -> LIF:
    """What spikingjelly and snnTorch can be set to: u <- u/2 + x, ATan, reset detached."""
    return ours(surrogate.ATan(2.0), decay_input=False, detach_reset=True)


def triangle() -> LIF:
    """What norse can be set to: u <- u + (x - u)/2, triangle, reset not detached."""
    return ours(surrogate.PiecewiseQuadratic(1.0), decay_input=True, detach_reset=False)


def spikingjelly_neuron(step_mode: str = "s") -> nn.Module:
    above = float(torch.tensor(1.0).nextafter(torch.tensor(2.0)))  # it fires at the threshold
    return neuron.LIFNode(
        2.0, False, above, 0.0, surrogate.ATan(2.0), detach_reset=True, step_mode=step_mode
    )


def snntorch_neuron(tutorial: bool = False) -> nn.Module:
    import snntorch
    from snntorch.surrogate import atan, fast_sigmoid

    if tutorial:  # its tutorial 6, a convolutional network
        return snntorch.Leaky(beta=0.5, spike_grad=fast_sigmoid(slope=25), init_hidden=True)
    return snntorch.Leaky(
        beta=0.5, threshold=1.0, spike_grad=atan(2.0), reset_mechanism="zero", init_hidden=True
    )


def reset_snntorch(network: nn.Module) -> None:
    """What `snntorch.utils.reset` does, for the neurons of one network alone."""
    for part in network.modules():
        if hasattr(part, "reset_mem"):
            part.reset_mem()


class NorseCell(nn.Module):
    """A cell of norse that keeps its state, as `norse.torch.SequentialState` keeps it.

    Args:
        tutorial: whether it is its `LIFCell` as it comes, which has a current of its own.
    """

    def __init__(self, tutorial: bool = False) -> None:
        super().__init__()
        from norse import torch as norse
        from norse.torch.functional.lif_box import LIFBoxParameters

        leak = torch.tensor(0.5)
        same = LIFBoxParameters(tau_mem_inv=leak, method="triangle", alpha=1.0)
        self.cell = norse.LIFCell() if tutorial else norse.LIFBoxCell(same, dt=1.0)
        self.state: Any = None

    def forward(self, x: Tensor) -> Tensor:
        """Spikes `[N, ...]` of a current `[N, ...]`."""
        spikes, self.state = self.cell(x, self.state)
        return spikes


def reset_norse(network: nn.Module) -> None:
    for part in network.modules():
        if isinstance(part, NorseCell):
            part.state = None


class Peer(NamedTuple):
    """How a library makes the neurons of a network.

    Attributes:
        package: its name, for pip.
        neuron: makes a layer.
        reset: sets all of a network back to rest.
        twin: ours with the same dynamics and surrogate, or what ours is compared by instead.
        same: whether it has the same.
        at_once: whether the neurons take all time steps at once, in our network.
    """

    package: str
    neuron: Neurons
    reset: Reset
    twin: Callable[[], LIF]
    same: bool = True
    at_once: bool = False


PEERS = {
    "spikingjelly": Peer("spikingjelly", spikingjelly_neuron, reset_net, arctangent),
    "spikingjelly, all steps at once": Peer(
        "spikingjelly", partial(spikingjelly_neuron, "m"), reset_net, arctangent, at_once=True
    ),
    "spikingjelly, tutorial": Peer(
        "spikingjelly",
        lambda: neuron.LIFNode(surrogate_function=surrogate.ATan()),
        reset_net,
        IEMFLIF,
        same=False,
    ),
    "snnTorch": Peer("snntorch", snntorch_neuron, reset_snntorch, arctangent),
    "snnTorch, tutorial": Peer(
        "snntorch", partial(snntorch_neuron, tutorial=True), reset_snntorch, IEMFLIF, same=False
    ),
    "norse": Peer("norse", NorseCell, reset_norse, triangle),
    "norse, tutorial": Peer(
        "norse", partial(NorseCell, tutorial=True), reset_norse, IEMFLIF, same=False
    ),
}
