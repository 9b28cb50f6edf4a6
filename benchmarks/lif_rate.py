"""How near LIF layers come to the rate at which the device copies memory, and by which kernel.

    python benchmarks/lif_rate.py [--json FILE] [--small] [--implementation reference]

`auto` is what a training takes and `reference` spikingjelly's, of whose kernels for a GPU
`SJ_LIF_CUDA_IMPLEMENTATION` (auto, cuda, triton, torch) chooses before it is imported; `triton` are
ours. `needed` are the bytes no kernel does without (forward: read the current, write the spikes;
backward: read both of their like and write the gradient), and what ours move. `moved` are those
that spikingjelly's move, which keep the charged membrane in float32. Shares are of the rate of
`copy_` on a tensor of the same size, measured in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import torch
from spikingjelly.activation_based import functional
from torch import Tensor
from torch.overrides import TorchFunctionMode

from snn_mm.energy.floor import mark, seconds_of, synchronise
from snn_mm.neurons import IEMFLIF, reset_neurons
from snn_mm.neurons.lif import Implementation

STEPS = 4
LARGE, SMALL = (256, 128, 64, 64), (2, 4, 8, 8)  # [N, C, H, W]: 2 GiB of float32 with T = 4
LAYOUTS = ("contiguous", "channels_last")
TYPES = (torch.float32, torch.bfloat16, torch.float16)
FLOAT32 = 4  # bytes


class Operators(TorchFunctionMode):
    """Notes which of spikingjelly's registered operators are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(
        self, call: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if str(call).startswith("sj_"):
            self.names.add(str(call))
        return call(*args, **(kwargs or {}))


def seconds(work: Callable[[], object], device: torch.device, rounds: int) -> float:
    """Median seconds of some work."""
    for _ in range(3):
        work()
    spans = []
    for _ in range(rounds):
        start = mark(device)
        work()
        spans.append((start, mark(device)))
    synchronise(device)
    return statistics.median(map(seconds_of, spans))


def current(
    shape: tuple[int, ...], layout: str, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """What LIF layers are given, `[T, N, C, H, W]`."""
    x = torch.randn(STEPS * shape[0], *shape[1:], device=device).to(dtype)
    if layout == "channels_last":
        x = x.contiguous(memory_format=torch.channels_last)
    return x.unflatten(0, (STEPS, shape[0])).requires_grad_()


def row(x: Tensor, rounds: int, implementation: Implementation) -> dict[str, Any]:
    """Rates of one LIF layer on a current `[T, N, C, H, W]`, forward and backward."""
    layer, device = IEMFLIF(implementation=implementation).to(x.device), x.device
    source = x.detach()
    other, gradient = torch.empty_like(source), torch.randn_like(source)

    def forward() -> Tensor:
        reset_neurons(layer)
        spikes: Tensor = layer(x)
        return spikes

    half = x.dtype != torch.float32
    with Operators() as called, torch.autocast(device.type, x.dtype, enabled=half):
        spikes = forward()
    size, count = x.element_size(), x.numel()
    copy = seconds(lambda: other.copy_(source), device, rounds)
    ahead = seconds(forward, device, rounds)
    back = seconds(
        lambda: torch.autograd.grad(spikes, x, gradient, retain_graph=True), device, rounds
    )
    rate, state = 2 * size * count / copy, 2 * FLOAT32 * count // STEPS
    return {
        "shape": list(x.shape),
        "dtype": str(x.dtype).removeprefix("torch."),
        "membrane": str(layer.v.dtype).removeprefix("torch."),
        "operators": sorted(called.names),  # none: operations of torch, or our own loop on a CPU
        "copy_bytes_per_second": rate,
        "forward": shares(ahead, 2 * size * count, (2 * size + FLOAT32) * count + state, rate),
        "backward": shares(back, 3 * size * count, (2 * size + FLOAT32) * count + state, rate),
    }


def shares(took: float, needed: int, moved: int, rate: float) -> dict[str, float]:
    """Seconds, and shares of the rate of a copy."""
    return {
        "seconds": took,
        "share_needed": needed / took / rate,
        "share_moved": moved / took / rate,
    }


def kernels(device: torch.device) -> dict[str, Any]:
    """Which kernel spikingjelly takes for LIF, called and compiled, and why not another."""
    found: dict[str, Any] = {"asked_for": os.environ.get("SJ_LIF_CUDA_IMPLEMENTATION", "auto")}
    for execution in ("eager", "compile"):
        try:
            found[execution] = functional.neuron_implementation("lif", device, execution=execution)
        except RuntimeError as error:  # such as a native kernel that this build lacks
            found[execution] = {"implementation": None, "why": str(error)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--json", type=Path, help="write the result there, too")
    parser.add_argument("--implementation", choices=get_args(Implementation), default="auto")
    parser.add_argument("--small", action="store_true", help="a rehearsal: the numbers say nothing")
    options = parser.parse_args()
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    shape, rounds = (SMALL, 3) if options.small else (LARGE, 20)
    chosen = options.implementation
    found: dict[str, Any] = {"ours": chosen == "triton", "kernels": kernels(device), "rows": []}
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if not found["ours"] and found["kernels"]["eager"]["implementation"] is None:
        print(found["kernels"]["eager"]["why"])
        return
    share = "share_needed" if found["ours"] else "share_moved"
    for dtype in TYPES:
        for layout in LAYOUTS:
            one = {"layout": layout, **row(current(shape, layout, dtype, device), rounds, chosen)}
            found["rows"].append(one)
            print(
                f"{one['dtype']:<9}{layout:<14}"
                + "  ".join(f"{way} {one[way][share]:.0%}" for way in ("forward", "backward"))
                + f"  {' '.join(one['operators'])}",
                flush=True,
            )
            if options.json is not None:
                options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
