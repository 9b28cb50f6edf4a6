"""LIF' of SGMT: leaky integrate-and-fire neurons that drive each other by fixed random weights.

SGMT: "Enhancing Multimodal Sentiment Analysis through the Integration of Attention Mechanisms and
Spiking Neural Networks" (anonymous ACL submission), section 3.3. Its equation adds Σ_j ω_ij s_j[t]
to the current from which s[t] itself is made: an algebraic loop, which may have no solution or
several. Spikes arrive one step later here, as in Nicola and Clopath, "Supervised learning in
spiking neural networks with FORCE training" (Nature Communications 8, 2017), where ω comes from:

    U_i[t] = V_i[t] + (I_i[t] + strength · Σ_j ω_ij s_j[t-1] - (V_i[t] - V_rest)) / τ
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from spikingjelly.activation_based.base import MemoryModule
from spikingjelly.activation_based.neuron import BaseNode
from torch import Tensor, nn

from snn_mm.neurons.connected_loop import ConnectedSettings, connected_lif
from snn_mm.neurons.lif import LIF
from snn_mm.neurons.presets import SGMTLIF


def random_connection(width: int, seed: int, normalised: bool = False) -> Tensor:
    """ω `[D, D]`, drawn from N(0, 1) by a generator of its own: equal on every rank and machine.

    Args:
        width: D.
        seed: of the generator.
        normalised: divide by √D as Nicola and Clopath do, so that the summed current does not grow
            with the width; SGMT does not.
    """
    generator = torch.Generator().manual_seed(seed)
    connection = torch.randn(width, width, generator=generator)
    return connection / math.sqrt(width) if normalised else connection


class ConnectedLIF(LIF):
    """LIF' of SGMT, over `[T, N, D]`: each neuron also feels the spikes of the step before.

    ω is not trained. It is a buffer, so a checkpoint carries it. At strength 0 the layer is the
    plain one. Membrane and last spikes stay between calls until the layer is reset.

    Args:
        width: D, the number of neurons.
        neuron: makes the plain layer whose constants this one takes.
        strength: factor of ω.
        seed: of ω; layers of one network should differ in it.
        normalised: see `random_connection`.
    """

    connection: Tensor

    def __init__(
        self,
        width: int,
        neuron: Callable[[], LIF] = SGMTLIF,
        strength: float = 0.01,
        seed: int = 0,
        normalised: bool = False,
    ) -> None:
        plain = neuron()
        super().__init__(
            tau=plain.tau,
            decay_input=plain.decay_input,
            v_threshold=plain.v_threshold,
            fires_at_threshold=plain.fires_at_threshold,
            surrogate_function=plain.surrogate_function,
            detach_reset=plain.detach_reset,
            implementation=plain.implementation,
        )
        self.strength = float(strength)
        self.register_memory("fired", 0.0)
        self.register_buffer("connection", random_connection(width, seed, normalised))

    def materialize_states(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], step_mode: str
    ) -> tuple[Tensor, Tensor]:
        """Membrane and last spikes as tensors `[N, D]` of one dtype."""
        v, fired = super().materialize_states(inputs, states, step_mode)
        if not isinstance(fired, Tensor) or fired.shape != v.shape:
            fired = torch.zeros_like(v)
        return v, fired.to(device=v.device, dtype=v.dtype)

    def multi_step_forward(self, x_seq: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Spikes `[T, N, D]` of a current `[T, N, D]`.

        Args:
            x_seq: the current I.
            args: optionally which positions are no padding, `[T, N]` in bool. No current arrives
                at the others, not even from other neurons: they leak and never fire.
            kwargs: none.
        """
        padding = None if not args or args[0] is None else ~args[0].unsqueeze(-1)  # [T, N, 1]
        if self.strength == 0.0:
            current = x_seq if padding is None else x_seq.masked_fill(padding, 0.0)
            spikes = super().multi_step_forward(current)
            self.fired = spikes[-1]
            return spikes
        states = self.materialize_states((x_seq,), tuple(self._memories.values()), "m")
        inputs = (x_seq.to(states[0].dtype), *(() if padding is None else (padding,)))
        with torch.autocast(x_seq.device.type, enabled=False):
            spikes, self.v, self.fired = self._run(inputs, states)
        return spikes.to(x_seq.dtype)

    def single_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **kwargs: Any
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        """One step by spikingjelly's operations: `((spikes,), (membrane, spikes))`, all `[N, D]`.

        The inputs are the current `[N, D]` and, optionally, where it is cut off, `[N, 1]`. As a
        matrix product of spikes alone, what neurons send each other is seen by operation counters.
        """
        current, *padding = inputs
        v, fired = states
        weight = kwargs["weight"] if "weight" in kwargs else self._weight(v.dtype)
        current = torch.addmm(current, fired, weight.t())  # [N, D]
        for outside in padding:
            current = current.masked_fill(outside, 0.0)
        (spikes,), (v,) = super().single_step_functional_forward((current,), (v,))
        return (spikes,), (v, spikes)

    def multi_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **kwargs: Any
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        """All steps, one after the other: `((spikes [T, N, D],), (membrane, spikes))`."""
        kwargs = {"weight": self._weight(states[0].dtype), **kwargs}
        result: tuple[Any, Any] = MemoryModule.multi_step_functional_forward(
            self, inputs, states, **kwargs
        )
        return result

    def extra_repr(self) -> str:
        """What tells one layer from another when a model is printed."""
        return f"{len(self.connection)}, strength={self.strength}, {super().extra_repr()}"

    def _run(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Spikes `[T, N, D]`, last membrane and last spikes `[N, D]`."""
        if self.implementation == "reference" or not self.surrogate_function.spiking:
            (spikes,), (v, fired) = self.multi_step_functional_forward(inputs, states)
            return spikes, v, fired
        v, fired = states
        padding = inputs[1] if len(inputs) > 1 else None
        settings = ConnectedSettings(
            tau=self.tau,
            threshold=self._compared_threshold(v.dtype),
            decay_input=self.decay_input,
            detach_reset=self.detach_reset,
            surrogate=self.surrogate_function,
            loop=self._settings(),
            on_gpu=self.implementation == "triton",
        )
        spikes, v = connected_lif(inputs[0], v, fired, self._weight(v.dtype), padding, settings)
        return spikes, v, spikes[-1]

    def _weight(self, dtype: torch.dtype) -> Tensor:
        return self.strength * self.connection.to(dtype)  # [D, D]


def fire(neurons: nn.Module, current: Tensor, valid: Tensor | None = None) -> Tensor:
    """What a layer of neurons makes of a current, silent wherever there is padding.

    A current of 0 keeps neurons at rest silent, unless others drive them; an activation that stands
    for neurons in an ANN need not be 0 at 0.

    Args:
        neurons: spiking layer or activation.
        current: `[T, N, D]`, zero in the padding.
        valid: which positions are no padding, `[T, N]` in bool; None is all.

    Returns:
        `[T, N, D]`, zero in the padding.
    """
    if isinstance(neurons, ConnectedLIF):
        connected: Tensor = neurons(current, valid)
        return connected
    output: Tensor = neurons(current)
    if valid is None or isinstance(neurons, (BaseNode, nn.ReLU)):
        return output
    return output.masked_fill(~valid.unsqueeze(-1), 0.0)
