"""How long a time step of a network takes that runs while its input comes in.

    python benchmarks/live_step.py

The networks are those of the experiments named, without training; a step has to be shorter than the
bin it is about: a T-th of the clip. Then what preparing the sound of a step takes, by the protocol
of CREMA-D, hop by hop and anew.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import soundfile
import torch

from datamodules.clips.protocols import IEMF
from datamodules.clips.raw import DecodeOptions, RawClips
from datamodules.raw.moving import MovingSound
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


def prepare(seconds: float | None) -> np.ndarray:
    """Milliseconds of CPU that the sound of each step takes: `seconds` anew, or hop by hop."""
    reader = RawClips(IEMF, DecodeOptions(), lambda _, x, __: x).readers()["audio"]
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.wav"
        soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 480_000), 48_000)
        moving = MovingSound(str(path), "audio", reader, seconds)
        while moving.until(0.1 * (len(taken) + 1)):
            begin = time.process_time()
            moving.input(Path(folder))
            taken.append(time.process_time() - begin)
    return 1e3 * np.array(taken)


def main() -> None:
    """Print the table."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print("| network | bin | median | p95 |\n|---|---|---|---|")
    for name, (module, chunk, length) in networks().items():
        half, most = np.percentile(measure(module, chunk), [50, 95])
        print(f"| `{name}` | {1e3 * length:.0f} ms | {half:.1f} ms | {most:.1f} ms |")
    warnings.simplefilter("ignore")
    print("\n| preparation | median | p95 |\n|---|---|---|")
    for name, seconds in (("hop by hop", None), ("anew, `--seconds 3`", 3.0)):
        half, most = np.percentile(prepare(seconds), [50, 95])
        print(f"| {name} | {half:.1f} ms | {most:.1f} ms |")


if __name__ == "__main__":
    main()
