"""The leaky integrate-and-fire neurons of the papers, as presets of one layer.

Each is a factory of fresh layers that YAML can name: `neuron: IEMFLIF`, or with `class_path` and
`init_args` to change a constant. They run over all time steps at once, `[T, N, ...]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from spikingjelly.activation_based import surrogate
from torch import nn

from snn_mm.errors import check_choice
from snn_mm.neurons.lif import LIF, Implementation

NeuronFactory = Callable[[], nn.Module]
"""Makes a fresh neuron layer: a spiking preset, or `torch.nn.ReLU` for the ANN twin."""


class IEMFLIF(LIF):
    """The neuron of IEMF (Eq. 3 and Table S1): threshold 0.5, detached hard reset.

    Its surrogate is max(0, 2 - 4|u - threshold|), and it fires strictly above the threshold.

    Args:
        tau: membrane time constant τ_m; the leak factor of Eq. 3 is 1 - 1/tau.
        v_threshold: firing threshold u_th.
        form: `released` integrates u <- u + (x - u)/tau as the authors' code does; `paper` is Eq. 3
            to the letter, u <- (1 - 1/tau) u + x. Behind a batch norm the missing factor raises the
            firing rate, so the two are different networks.
        surrogate_function: another surrogate than PiecewiseQuadratic(2).
        implementation: `auto`, or `reference` for spikingjelly's own operations.
    """

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 0.5,
        form: Literal["released", "paper"] = "released",
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        implementation: Implementation = "auto",
    ) -> None:
        check_choice("IEMFLIF: form", form, ("released", "paper"))
        super().__init__(
            tau=tau,
            decay_input=form == "released",
            v_threshold=v_threshold,
            fires_at_threshold=False,
            surrogate_function=surrogate_function or surrogate.PiecewiseQuadratic(2.0),
            detach_reset=True,
            implementation=implementation,
        )


class TAAFLIF(LIF):
    """The neuron of TAAF (Eqs 1-3): u <- 0.5 u + I, hard reset, not detached.

    The paper names neither threshold nor surrogate. Both are those of the code its equations come
    from (TET): threshold 1, surrogate max(0, 1 - |u - 1|), fires strictly above the threshold.

    Args:
        tau: membrane time constant; the leak of Eq. 1 is 1 - 1/tau.
        v_threshold: firing threshold V_th.
        surrogate_function: another surrogate than PiecewiseQuadratic(1).
        detach_reset: whether the backward pass takes the spike in Eq. 3 for a constant.
        implementation: `auto`, or `reference` for spikingjelly's own operations.
    """

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 1.0,
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        detach_reset: bool = False,
        implementation: Implementation = "auto",
    ) -> None:
        super().__init__(
            tau=tau,
            decay_input=False,
            v_threshold=v_threshold,
            fires_at_threshold=False,
            surrogate_function=surrogate_function or surrogate.PiecewiseQuadratic(1.0),
            detach_reset=detach_reset,
            implementation=implementation,
        )


class SGMTLIF(LIF):
    """The neuron of SGMT (Eq. 1): U = V + (I - V)/tau, fires at the threshold.

    Its surrogate is the derivative of the arctangent. The paper prints neither V_th nor tau; both
    are what its firing rates suggest. The resting potential V_rest is 0.

    Args:
        tau: membrane time constant τ.
        v_threshold: firing threshold V_th.
        surrogate_function: another surrogate than ATan(2).
        detach_reset: whether the backward pass takes the spike in the reset for a constant.
        implementation: `auto`, or `reference` for spikingjelly's own operations.
    """

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 0.5,
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        detach_reset: bool = True,
        implementation: Implementation = "auto",
    ) -> None:
        super().__init__(
            tau=tau,
            decay_input=True,
            v_threshold=v_threshold,
            fires_at_threshold=True,
            surrogate_function=surrogate_function or surrogate.ATan(2.0),
            detach_reset=detach_reset,
            implementation=implementation,
        )


class SCMRLLIF(LIF):
    """The neuron of S-CMRL's code (`MyNode`): u <- u + (x - u)/tau, fires at 1, detached reset.

    The surrogate is that of a sigmoid of slope 4. Slower than the others: it has no compiled loop.

    Args:
        tau: membrane time constant.
        v_threshold: firing threshold.
        surrogate_function: another surrogate than Sigmoid(4).
        detach_membrane: whether no gradient flows from a time step to the one before it.
        implementation: `auto`, or `reference` for spikingjelly's own operations.
    """

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 1.0,
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        detach_membrane: bool = True,
        implementation: Implementation = "auto",
    ) -> None:
        super().__init__(
            tau=tau,
            v_threshold=v_threshold,
            surrogate_function=surrogate_function or surrogate.Sigmoid(4.0),
            implementation=implementation,
            detach_membrane=detach_membrane,
        )
