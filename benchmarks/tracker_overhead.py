"""Time training with every tracker on beside the same training with all off.

    python benchmarks/tracker_overhead.py [--rounds 5] [--threads 1] [--only NAME ...]

One training, of which every second epoch has the trackers: two processes differ by more than what
is measured. Measured is CPU time, because seconds on a shared machine say more about its other
users; on one thread of an idle machine they are the same. A round is an epoch without and one with
trackers. `step` is a training step, `epoch` the steps, the validation and all that is written at
its end. Figures are drawn when training ends, or once a minute.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from lightning import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader
from workloads import SHAPES, correlated_inputs

from snn_mm.callbacks import (
    IEMF,
    EnergyEstimator,
    FactorTracker,
    FiringRateMonitor,
    SpikeMonitor,
)
from snn_mm.commands.quiet import silence
from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet, ResNet18
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule


class Workload(NamedTuple):
    """A network with batches like those it is made for, and how many an epoch has."""

    module: Callable[[], IEMFModule]
    batch: Callable[[], Batch]
    steps: int
    validations: int


class Turns(Callback):
    """Take the trackers away in every second epoch, and note the seconds of steps and epochs."""

    def __init__(self, trackers: list[Callback]) -> None:
        self.trackers = trackers
        self.started = 0.0
        self.steps: list[float] = []
        self.epochs: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End the epoch before, and begin one with or without trackers."""
        if trainer.current_epoch > 0:
            self.on_train_end(trainer, pl_module)
        tracked = self.trackers if trainer.current_epoch % 2 else []
        trainer.callbacks = [self, IEMF(), *tracked]  # type: ignore[attr-defined]
        print(f"epoch {trainer.current_epoch}", file=sys.stderr, flush=True)
        self.started = time.process_time()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note how long the epoch took."""
        self.epochs.append(time.process_time() - self.started)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note how long the steps took."""
        self.steps.append(time.process_time() - self.started)


def quickstart() -> IEMFModule:
    """The network of `experiments/quickstart.yaml`."""
    audio = ConvNet(1, channels=(16, 32), feature_dim=128)
    visual = ConvNet(1, channels=(32, 64), feature_dim=128)
    return IEMFModule({"audio": audio, "visual": visual}, Concat, num_classes=10)


def resnets() -> IEMFModule:
    """Two spiking ResNet-18."""
    encoders = {name: ResNet18(shape[0]) for name, shape in SHAPES.items()}
    return IEMFModule(encoders, Concat, num_classes=6)


def small_batch() -> Batch:
    """64 samples of the shapes of DigitsAV."""
    inputs = {"audio": torch.randn(64, 1, 32, 32), "visual": torch.randn(64, 1, 8, 8)}
    return {"inputs": inputs, "target": torch.arange(64) % 10, "id": [""] * 64}


def large_batch() -> Batch:
    """8 spectrograms and images."""
    inputs = dict(zip(SHAPES, correlated_inputs()))
    return {"inputs": inputs, "target": torch.arange(8) % 6, "id": [""] * 8}


WORKLOADS = {
    "quickstart": Workload(quickstart, small_batch, 60, 9),
    "resnet18": Workload(resnets, large_batch, 8, 1),
}
TRACKERS = (FiringRateMonitor, EnergyEstimator, SpikeMonitor, FactorTracker)


def measure(workload: Workload, rounds: int) -> Turns:
    """Train a round that compiles and allocates, then `rounds` more."""
    torch.manual_seed(0)
    batch = workload.batch()
    loader = partial(DataLoader[Batch], batch_size=None)
    trackers: list[Callback] = [make() for make in TRACKERS]
    turns = Turns(trackers)
    quiet: dict[str, Any] = dict.fromkeys(
        ("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False
    )
    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            accelerator="cpu",
            max_epochs=2 * rounds + 2,
            default_root_dir=folder,
            callbacks=[turns, IEMF(), *trackers],
            num_sanity_val_steps=0,
            **quiet,
        ).fit(
            workload.module(),
            loader([batch] * workload.steps),  # type: ignore[arg-type]
            loader([batch] * workload.validations),  # type: ignore[arg-type]
        )
    return turns


def report(name: str, rounds: int) -> None:
    """Print the medians and the ratios of a workload."""
    turns = measure(WORKLOADS[name], rounds)
    for what, seconds, count in (
        ("step", turns.steps[2:], WORKLOADS[name].steps),
        ("epoch", turns.epochs[2:], 1),
    ):
        off, on = seconds[::2], seconds[1::2]
        ratios = [mine / base for base, mine in zip(off, on)]
        span = f"[{min(ratios):.3f}, {max(ratios):.3f}]"
        off_ms, on_ms = (1e3 * statistics.median(own) / count for own in (off, on))
        ratio = statistics.median(ratios)
        print(f"{name:<12}{what:<7}{off_ms:>11.2f}{on_ms:>11.2f}{ratio:>8.3f} {span}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    options = parser.parse_args()
    silence()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, {options.rounds} rounds")
    print(f"{'':<19}{'off, ms':>11}{'on, ms':>11}{'ratio':>8} [min, max]")
    for name in options.only:
        report(name, options.rounds)


if __name__ == "__main__":
    main()
