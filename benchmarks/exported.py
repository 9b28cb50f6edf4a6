"""How fast an exported network answers on one thread: onnxruntime and pt2 against eager torch.

    python benchmarks/exported.py      # needs snn_mm[export]; the networks are not trained

Processor seconds of one process, the three in turn, the median of a few rounds.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import torch

from snn_mm.encoders import ConvNet, Encoder, ResNet18
from snn_mm.export.formats import output_names, read_pt2, write_onnx, write_pt2
from snn_mm.export.graph import Traced, as_batch, trace
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule

ROUNDS = 7
Inputs = dict[str, torch.Tensor]


def networks() -> dict[str, tuple[IEMFModule, Inputs]]:
    """Module and a sample of its inputs, by name."""
    quick: dict[str, Encoder] = {
        "audio": ConvNet(1, channels=[16, 32]),
        "visual": ConvNet(1, channels=[32, 64]),
    }
    pictures = {"audio": torch.randn(1, 1, 32, 32), "visual": torch.randn(1, 1, 8, 8)}
    large: dict[str, Encoder] = {"visual": ResNet18(3)}
    return {
        "quickstart": (IEMFModule(quick, Concat, 10), pictures),
        "ResNet-18, one picture of 64x64": (
            IEMFModule(large, Concat, 6),
            {"visual": torch.randn(1, 3, 64, 64)},
        ),
    }


def answers(module: IEMFModule, traced: Traced, place: Path) -> dict[str, Callable[[Inputs], Any]]:
    """What is compared, by name."""
    write_pt2(traced, place / "network.pt2")
    write_onnx(traced, place / "network.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(place / "network.onnx", options)
    names = output_names(traced)
    return {
        "torch": torch.no_grad()(lambda given: module.predict_step(as_batch(given), 0)),
        "pt2": read_pt2(traced, place / "network.pt2"),
        "onnxruntime": lambda given: session.run(names, {n: x.numpy() for n, x in given.items()}),
    }


def seconds(answer: Callable[[Inputs], Any], given: Inputs) -> float:
    """Processor seconds of one answer, of as many as take a tenth of a second."""
    start, count = time.process_time(), 0
    while time.process_time() - start < 0.1:
        answer(given)
        count += 1
    return (time.process_time() - start) / count


def main() -> None:
    """Print a table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("| Network | N | torch | pt2 | onnxruntime | torch / onnxruntime |")
    print("|---|---|---|---|---|---|")
    for name, (module, sample) in networks().items():
        module.eval()
        traced = trace(module, as_batch(sample))
        with tempfile.TemporaryDirectory() as place:
            compared = answers(module, traced, Path(place))
            for samples in (1, 16):
                given = {n: x.expand(samples, *x.shape[1:]).contiguous() for n, x in sample.items()}
                for answer in compared.values():
                    answer(given)
                rounds = [[seconds(a, given) for a in compared.values()] for _ in range(ROUNDS)]
                ratio = statistics.median(r[0] / r[2] for r in rounds)
                medians = [1000 * statistics.median(column) for column in zip(*rounds, strict=True)]
                times = " | ".join(f"{value:.3g} ms" for value in medians)
                print(f"| {name} | {samples} | {times} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
