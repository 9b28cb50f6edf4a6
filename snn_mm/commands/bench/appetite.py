"""How many samples a second a GPU of a data centre would take: what data must keep up with."""

from __future__ import annotations

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

H100_FLOPS = 989e12
"""FLOP a second of an H100 SXM: bfloat16, dense (NVIDIA's data sheet)."""
FRACTION = 0.4
"""Of the peak; more than a network with spikes reaches, so that the estimate errs upwards."""
LAUNCH_SECONDS = 5e-6
"""What PyTorch takes to launch one kernel, roughly: what bounds a small network."""
BUS_BYTES = 64e9
"""A second that PCIe 5 moves to the GPU, by 16 lanes."""


def appetite(flops: float, kernels: int, batch_size: int, nbytes: float = 0.0) -> float:
    """Samples a second that an H100 would take.

    Args:
        flops: FLOP of a training step, for each sample.
        kernels: what a step launches, for any batch size.
        batch_size: samples a step.
        nbytes: of a sample's inputs.

    Example:
        >>> appetite(flops=39.56e9, kernels=100, batch_size=1000)  # 0.4 of 989 TFLOP/s
        10000.0
        >>> appetite(flops=1e6, kernels=2000, batch_size=64)  # 10 ms of launches
        6400.0
        >>> appetite(flops=1e6, kernels=0, batch_size=64, nbytes=8e6)  # 64 GB/s over the bus
        8000.0
    """
    arithmetic = flops / (FRACTION * H100_FLOPS)
    slowest = max(arithmetic, kernels * LAUNCH_SECONDS / batch_size, nbytes / BUS_BYTES)
    return round(1 / slowest, 6)


class StepCost(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what is done while it is entered, backward passes too.

    Attributes:
        flops: of convolutions and products; what else there is takes few.
        kernels: operations that are no views, each of which a GPU would have to be told.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = self.kernels = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.kernels += not func.is_view
        # Not `FlopCounterMode`: what it hooks into modules forbids `autograd.grad` in a backward.
        if (formula := flop_registry.get(func._overloadpacket)) is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        return out
