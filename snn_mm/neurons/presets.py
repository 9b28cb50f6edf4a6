"""The leaky integrate-and-fire neurons of the papers, as presets of one layer.

Each is a factory of fresh layers that YAML can name: `neuron: IEMFLIF`, or with `class_path` and
`init_args` to change a constant. They run over all time steps at once, `[T, N, ...]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from spikingjelly.activation_based import surrogate
from torch import nn

from snn_mm.errors import check_choice
from snn_mm.neurons.lif import LIF

NeuronFactory = Callable[[], nn.Module]
"""Makes a fresh neuron layer: a spiking preset, or `torch.nn.ReLU` for the ANN twin."""


class IEMFLIF(LIF):
    """The neuron of IEMF (Eq. 3 and Table S1): threshold 0.5, detached hard reset.

    Its surrogate is max(0, 2 - 4|u - threshold|), and it fires strictly above the threshold.

    Args:
        form: `released` integrates u <- u + (x - u)/tau as the authors' code does; `paper` is Eq. 3
            to the letter, u <- (1 - 1/tau) u + x. Behind a batch norm the missing factor raises the
            firing rate, so the two are different networks.
        options: `tau` and `implementation` of `LIF`.
    """

    def __init__(
        self,
        v_threshold: float = 0.5,
        form: Literal["released", "paper"] = "released",
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        **options: Any,
    ) -> None:
        check_choice("IEMFLIF: form", form, ("released", "paper"))
        super().__init__(
            decay_input=form == "released",
            v_threshold=v_threshold,
            fires_at_threshold=False,
            surrogate_function=surrogate_function or surrogate.PiecewiseQuadratic(2.0),
            detach_reset=True,
            detach_membrane=False,
            **options,
        )


class TAAFLIF(LIF):
    """The neuron of TAAF (Eqs 1-3): u <- (1 - 1/tau) u + I, hard reset, not detached.

    The paper names neither threshold nor surrogate. Both are those of the code its equations come
    from (TET): threshold 1, surrogate max(0, 1 - |u - 1|), fires strictly above the threshold.
    """

    def __init__(
        self,
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        detach_reset: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            decay_input=False,
            fires_at_threshold=False,
            surrogate_function=surrogate_function or surrogate.PiecewiseQuadratic(1.0),
            detach_reset=detach_reset,
            detach_membrane=False,
            **options,
        )


class SGMTLIF(LIF):
    """The neuron of SGMT (Eq. 1): U = V + (I - V)/tau, fires at the threshold.

    Its surrogate is the derivative of the arctangent. The paper prints neither V_th nor tau; both
    are what its firing rates suggest. The resting potential V_rest is 0.
    """

    def __init__(self, v_threshold: float = 0.5, **options: Any) -> None:
        super().__init__(
            decay_input=True,
            v_threshold=v_threshold,
            fires_at_threshold=True,
            detach_membrane=False,
            **options,
        )


class SCMRLLIF(LIF):
    """The neuron of S-CMRL's code (`MyNode`): u <- u + (x - u)/tau, fires at 1, detached reset.

    The surrogate is that of a sigmoid of slope 4. Slower than the others: it has no compiled loop.
    """

    def __init__(
        self,
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        detach_membrane: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(
            decay_input=True,
            fires_at_threshold=True,
            surrogate_function=surrogate_function or surrogate.Sigmoid(4.0),
            detach_reset=True,
            detach_membrane=detach_membrane,
            **options,
        )
