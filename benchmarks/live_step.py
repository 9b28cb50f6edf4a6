"""How long a time step of a network takes that runs while its input comes in.

    python benchmarks/live_step.py

The networks are those of the experiments named, without training; a step has to be shorter than the
bin it is about: a T-th of the clip.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from snn_mm.encoders import ConvNet, Encoder, RecurrentNet
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule, MultimodalModule, TAAFModule
from snn_mm.modules.streaming import StreamingNetwork
from snn_mm.modules.taaf.module import shared_concat
from snn_mm.neurons import IEMFLIF, TAAFLIF, NeuronFactory

STEPS = 300


def networks() -> dict[str, tuple[MultimodalModule, dict[str, torch.Tensor], float]]:
    """Module, a chunk of one time step, and the length of a bin in seconds, by experiment."""
    quick: dict[str, Encoder] = {
        "audio": ConvNet(1, channels=[16, 32]),
        "visual": ConvNet(1, channels=[32, 64]),
    }
    ead: dict[str, Encoder] = {
        "audio": ConvNet(1, time_steps=5, channels=[16, 32]),
        "events": _events(IEMFLIF),
    }
    taaf: dict[str, Encoder] = {
        "audio": RecurrentNet(32, 48, time_steps=5),
        "events": _events(TAAFLIF),
    }
    bins = torch.rand(1, 1, 2, 34, 34)
    pictures = {"audio": torch.randn(1, 1, 32, 32), "visual": torch.randn(1, 1, 8, 8)}
    return {
        "quickstart": (IEMFModule(quick, Concat, 10), pictures, 0.8 / 4),
        "ead_digits": (
            IEMFModule(ead, Concat, 10),
            {"audio": torch.randn(1, 1, 32, 48), "events": bins},
            0.3 / 5,
        ),
        "taaf_ead": (
            TAAFModule(taaf, 10, shared_concat),
            {"audio": torch.randn(1, 1, 32, 9), "events": bins},
            0.3 / 5,
        ),
    }


def _events(neuron: NeuronFactory) -> Encoder:
    return ConvNet(2, neuron, time_steps=5, channels=[16, 32, 64], input_kind="events")


def measure(module: MultimodalModule, chunk: dict[str, torch.Tensor]) -> np.ndarray:
    """Milliseconds of each step, by the wall."""
    network = StreamingNetwork(module.eval())
    _, state = network.step(chunk, network.start())  # compiled loops are loaded
    taken = []
    for _ in range(STEPS):
        begin = time.perf_counter()
        _, state = network.step(chunk, state)
        taken.append(time.perf_counter() - begin)
    return 1e3 * np.array(taken)


def main() -> None:
    """Print the table."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print("| network | bin | median | p95 |\n|---|---|---|---|")
    for name, (module, chunk, length) in networks().items():
        half, most = np.percentile(measure(module, chunk), [50, 95])
        print(f"| `{name}` | {1e3 * length:.0f} ms | {half:.1f} ms | {most:.1f} ms |")


if __name__ == "__main__":
    main()
