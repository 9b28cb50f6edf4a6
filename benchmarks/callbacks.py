"""Time training with each callback that `snnmm list` shows, on and off in turn.

    python benchmarks/callbacks.py [--rounds 8] [--network quickstart] [--only NAME ...] [--show]

One training for each, of which every second epoch has the callback: two processes differ by more
than what is measured. Measured is CPU time on one thread, because seconds on a shared machine say
more about its other users. `training step` and `validation` are what it adds to each,
medians of the pairs of epochs and their quartiles; `its hooks` is what Lightning's profiler books
to the callback itself, which hardly varies, but leaves out what it adds to the backward pass. What
runs once is not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import Profiler
from torch.utils.data import DataLoader
from workloads import SHAPES, correlated_inputs

from snn_mm import callbacks as ours
from snn_mm.callbacks.finite_guard import FiniteGuard
from snn_mm.callbacks.progress import LossBar, PlainProgress
from snn_mm.callbacks.recording.best_checkpoint import BestCheckpoint
from snn_mm.callbacks.recording.confusion import ConfusionRecorder
from snn_mm.callbacks.reproducibility import EpochSeed
from snn_mm.commands.bench.measure import spread
from snn_mm.commands.quiet import silence
from snn_mm.config.catalogue import catalogue
from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet, Encoder, ResNet18
from snn_mm.fusion import SCMRL, Concat
from snn_mm.modules import IEMFModule, TAAFModule
from snn_mm.modules.base import MultimodalModule
from snn_mm.run.malloc import keep_large_blocks
from snn_mm.run.processor import processor

RESULTS = Path(__file__).parent / "results" / "callbacks"
STEPS, VALIDATIONS = 4, 3
NOWHERE = Path(os.devnull).open("w")  # noqa: SIM115 - a bar holds on to it
CALLBACKS: dict[str, Callable[[], Callback]] = {
    **{name: getattr(ours, name) for name in ("AGM", "IEMF", "LFM", "MSLR", "OGM", "OGMGE", "PMR")},
    **{name: getattr(ours, name) for name in ("LossAdjustment", "SemanticAlignment")},
    **{name: getattr(ours, name) for name in ("AttentionMonitor", "CoefficientMonitor")},
    **{name: getattr(ours, name) for name in ("FactorTracker", "FiringRateMonitor")},
    "BestCheckpoint": BestCheckpoint,
    "ConfusionRecorder": ConfusionRecorder,
    "EnergyEstimator": partial(ours.EnergyEstimator, stage="val"),
    "EpochSeed": partial(EpochSeed, 0),
    "FiniteGuard": FiniteGuard,
    "LossBar": LossBar,
    "ModalityDropout": partial(ours.ModalityDropout, probability=0.3),
    "ModalityShapley": ours.ModalityShapley,
    "PlainProgress": PlainProgress,
    "SpikeMonitor": ours.SpikeMonitor,
}
ONCE = {"MatrixRecord", "ShortSummary", "StageRecorder", "WarmStart"}
"""Those that do nothing at a step or in an ordinary validation, and a base class."""


class Hooks(Profiler):
    """CPU seconds within the hooks of one callback during training steps."""

    def __init__(self, measured: Callback) -> None:
        super().__init__()
        self.mark = f"[Callback]{measured.state_key}."
        self.seconds = self.started = 0.0

    def start(self, action_name: str) -> None:
        """Begin a hook."""
        if action_name.startswith(self.mark) and "validation" not in action_name:
            self.started = time.process_time()

    def stop(self, action_name: str) -> None:
        """End it."""
        if action_name.startswith(self.mark) and "validation" not in action_name:
            self.seconds += time.process_time() - self.started


class Turns(Callback):
    """Take a callback away in every second epoch; note the seconds of steps and validations."""

    def __init__(self, measured: Callback) -> None:
        self.measured = measured
        self.started = 0.0
        self.steps: list[float] = []
        self.validations: list[float] = []
        self.hooks: list[float] = []
        self.profiler = Hooks(measured)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the profiler where Lightning tells of its actions."""
        trainer.profiler = self.profiler  # type: ignore[attr-defined]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End the epoch before, and begin one with or without the callback."""
        if trainer.current_epoch > 0:
            self.on_train_end(trainer, pl_module)
        on = trainer.current_epoch % 2 == 1
        if isinstance(self.measured, LossBar):  # Lightning does not let a bar be taken away
            self.measured.enable() if on else self.measured.disable()
        else:
            trainer.callbacks = [self, *([self.measured] if on else [])]  # type: ignore[attr-defined]
        weighs = on and isinstance(self.measured, ours.LossModulation)
        pl_module.loss_modulations = [self.measured] if weighs else []  # type: ignore[assignment]
        self.profiler.seconds = 0.0
        self.started = time.process_time()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note how long the steps took."""
        now = time.process_time()
        self.steps.append((now - self.started) / STEPS)
        self.hooks.append(self.profiler.seconds / STEPS)
        self.started = now

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note how long the validation and the end of the epoch took."""
        self.validations.append(time.process_time() - self.started)


def encoders(network: str) -> dict[str, Encoder]:
    """Those of `experiments/quickstart.yaml`, or two spiking ResNet-18."""
    if network == "resnet18":
        return {name: ResNet18(shape[0]) for name, shape in SHAPES.items()}
    return {
        "audio": ConvNet(1, channels=(16, 32), feature_dim=128),
        "visual": ConvNet(1, channels=(32, 64), feature_dim=128),
    }


def module_for(name: str, network: str) -> MultimodalModule:
    """The network with whatever a callback asks of a module."""
    if name == "AttentionMonitor":
        return TAAFModule(encoders(network), num_classes=6)
    fusion: Any = SCMRL if name == "SemanticAlignment" else Concat
    return IEMFModule(encoders(network), fusion, num_classes=6)


def batch_for(network: str) -> Batch:
    """64 samples of the shapes of DigitsAV, or 8 spectrograms and images."""
    if network == "resnet18":
        inputs, size = dict(zip(SHAPES, correlated_inputs())), 8
    else:
        inputs = {"audio": torch.randn(64, 1, 32, 32), "visual": torch.randn(64, 1, 8, 8)}
        size = 64
    return {"inputs": inputs, "target": torch.arange(size) % 6, "id": [""] * size}


def measure(name: str, network: str, rounds: int) -> dict[str, Any]:
    """Train a round that compiles and allocates, then `rounds` more; what the callback adds."""
    torch.manual_seed(0)
    batch, measured = batch_for(network), CALLBACKS[name]()
    loader = partial(DataLoader[Batch], batch_size=None)
    turns = Turns(measured)
    quiet: dict[str, Any] = dict.fromkeys(("logger", "enable_model_summary"), False)
    quiet["enable_checkpointing"] = isinstance(measured, BestCheckpoint)
    quiet["enable_progress_bar"] = isinstance(measured, LossBar)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(NOWHERE):
        if isinstance(measured, BestCheckpoint):
            measured.dirpath = folder
        Trainer(
            accelerator="cpu",
            max_epochs=2 * rounds + 2,
            default_root_dir=folder,
            callbacks=[turns, measured],
            num_sanity_val_steps=0,
            **quiet,
        ).fit(
            module_for(name, network),
            loader([batch] * STEPS),  # type: ignore[arg-type]
            loader([batch] * VALIDATIONS),  # type: ignore[arg-type]
        )
    return {
        "step_seconds": spread(turns.steps[2::2]),
        "step_percent": percent(turns.steps[2:]),
        "validation_percent": percent(turns.validations[2:]),
        "hooks_percent": spread(
            [100 * own / off for own, off in zip(turns.hooks[3::2], turns.steps[2::2])]
        ),
    }


def percent(seconds: list[float]) -> dict[str, float]:
    """What every second of these takes more than the one before it, in percent."""
    return spread([100 * (on / off - 1) for off, on in zip(seconds[::2], seconds[1::2])])


def table(network: str) -> str:
    """All results of a network as a Markdown table."""
    rows = [
        "| callback | on | training step, % | its hooks, % | validation, % |",
        "|---|---|---|---|---|",
    ]
    for file in sorted(RESULTS.glob("*.json")):
        for name, found in sorted(json.loads(file.read_text()).get(network, {}).items()):
            cells = [
                "{median:.1f} [{low:.1f}, {high:.1f}]".format(**found[key])
                for key in ("step_percent", "hooks_percent", "validation_percent")
            ]
            rows.append(" | ".join([f"| {name}", file.stem, *cells]) + " |")
    return "\n".join(rows)


def keep(network: str, name: str, found: dict[str, Any]) -> None:
    """Write a result beside those of the same machine."""
    stem = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
    file = RESULTS / f"{stem}.json"
    held = json.loads(file.read_text()) if file.exists() else {}
    held.setdefault(network, {})[name] = found
    RESULTS.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(held, indent=1) + "\n")


def unknown() -> set[str]:
    """Callbacks that `snnmm list` shows and this file has no case for."""
    listed = {e.name for e in catalogue() if e.group in ("modulations", "callbacks")}
    return listed - set(CALLBACKS) - ONCE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--network", choices=["quickstart", "resnet18"], default="quickstart")
    parser.add_argument("--only", nargs="+", choices=list(CALLBACKS), default=list(CALLBACKS))
    parser.add_argument("--show", action="store_true", help="print what was measured, and stop")
    options = parser.parse_args()
    if missing := unknown():
        sys.exit(f"no case for {', '.join(sorted(missing))}: add one to CALLBACKS or ONCE")
    silence()
    keep_large_blocks()
    os.environ["FORCE_COLOR"] = "1"  # a bar takes what it prints to for a terminal
    torch.set_num_threads(1)
    for name in [] if options.show else options.only:
        found = measure(name, options.network, options.rounds)
        keep(options.network, name, found)
        print(f"{name:<20}{found['step_percent']}", file=sys.stderr, flush=True)
    print(table(options.network))


if __name__ == "__main__":
    main()
