"""Trains some steps of an experiment and measures each."""

from __future__ import annotations

import resource
import statistics
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import Callback

import snn_mm
from snn_mm.callbacks.recording.last_checkpoint import LastCheckpoint
from snn_mm.callbacks.recording.run_record import RunRecord
from snn_mm.callbacks.recording.wandb_record import WandbRecord
from snn_mm.commands.bench.clock import PARTS, StepClock
from snn_mm.commands.bench.request import Request
from snn_mm.commands.training_cli import TrainCLI
from snn_mm.config.options import Command, read_command
from snn_mm.energy.floor import FloorRecord, floor_layers, now
from snn_mm.errors import UserError
from snn_mm.run.malloc import keep_large_blocks
from snn_mm.run.processor import instruction_sets, processor

KEEPERS = (LastCheckpoint, RunRecord, WandbRecord)
"""Callbacks that keep a run directory: nothing is kept here, and they do nothing at a step."""


class MeasuredError(Exception):
    """Ends a training whose steps are measured, so that nothing of an epoch's end runs."""


class StepBench(Callback):
    """Measures steps: of the first the floor's layers, then of each its parts and the floor.

    Comes last of the callbacks, so that a step ends when all others have seen its end. A GPU works
    behind the program; to time parts is to wait for it after each. So there every second step is
    timed as a whole, and the others by part.

    Args:
        warmup: steps that are not measured, at least 1.
        steps: steps that are; twice as many on a GPU.

    Attributes:
        laps: seconds of steps by part, and of the floor.
        whole: seconds of steps that were timed as a whole, and of the floor.
        device: what the steps ran on; the network has left it when the training is over.
    """

    def __init__(self, warmup: int, steps: int) -> None:
        self.warmup, self.wanted = warmup, steps
        self.seen = 0
        self.floor = FloorRecord()
        self.laps: list[dict[str, float]] = []
        self.whole: list[dict[str, float]] = []
        self.device = torch.device("cpu")
        self.batch_size = 0
        self.start_bytes = self.peak_bytes = 0
        self._hooks: AbstractContextManager[None] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the clock where Lightning tells of its actions."""
        device = self.device = pl_module.device
        self.clock = StepClock(lambda: now(device))
        self.clock.waits = not works_behind(device)
        trainer.profiler = self.clock  # type: ignore[attr-defined]  # set while it is built
        self.floor.context = trainer.precision_plugin.forward_context
        forget_peak(device)
        self.start_bytes = peak_memory(device)
        self._began = now(device)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Record the layers of the first step."""
        if self.seen == 0:
            self._hooks = self.floor.recording(pl_module)
            self._hooks.__enter__()

    def on_before_backward(self, *_: Any) -> None:
        """Stop recording: blocks that are computed again would count twice."""
        if self._hooks is not None:
            self._hooks.__exit__(None, None, None)
            self._hooks = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """End a step, then take the floor's seconds beside it."""
        lap, whole = self.clock.lap(), now(self.device) - self._began
        self.seen += 1
        self.batch_size = len(batch["target"])
        if self.seen > self.warmup:
            self._keep(lap, whole)
        if len(self.laps) == self.wanted:
            raise MeasuredError
        forget_peak(self.device)
        self._began = now(self.device)

    def _keep(self, lap: dict[str, float], whole: float) -> None:
        self.peak_bytes = max(self.peak_bytes, peak_memory(self.device))
        floor = self.floor.round()
        if self.clock.waits:
            self.laps.append({**lap, "floor": floor})
        else:
            self.whole.append({"step": whole, "floor": floor})
        self.clock.waits = not (self.clock.waits and works_behind(self.device))


def works_behind(device: torch.device) -> bool:
    """Whether the program need not wait for what it has told the device to do."""
    return device.type == "cuda"


def forget_peak(device: torch.device) -> None:
    """Measure the peak of a GPU's tensors from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """Bytes: the most that tensors took on a GPU, or the process at once on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class BenchCLI(TrainCLI):
    """What `fit` builds, with the measurement and without what keeps a run.

    Args:
        command: the command line of the fit.
        bench: the measurement.
    """

    def __init__(self, command: Command, bench: Callback) -> None:
        self.bench = bench
        super().__init__(command)

    def _gather_callbacks(self, given: list[Callback]) -> list[Callback]:
        kept = super()._gather_callbacks(given)
        return [*(each for each in kept if not isinstance(each, KEEPERS)), self.bench]


def measure(request: Request) -> dict[str, Any]:
    """Train the steps of a request; what they took, as plain values.

    Raises:
        UserError: a mistake in the config or the flags, or data that are not there.
    """
    bench = StepBench(request.warmup, request.steps)
    with TemporaryDirectory() as folder:
        cli = BenchCLI(read_command(request.fit(Path(folder))), bench)
        trainer = cli.trainer
        if trainer.world_size > 1:
            raise UserError("bench: runs on one device; give --trainer.devices 1")
        if not request.real_data:
            rounds = 2 if works_behind(trainer.strategy.root_device) else 1
            make_up(cli.datamodule, request.warmup + rounds * request.steps)
        cli.run_directory.create()  # the run record would
        if isinstance(trainer.accelerator, CPUAccelerator):
            keep_large_blocks()
        with suppress(MeasuredError):
            trainer.fit(cli.model, cli.datamodule)
    if len(bench.laps) < request.steps:
        raise UserError(
            f"bench: the training ended after {bench.seen} steps of {request.warmup} to warm up "
            f"and {request.steps}\naccepted: fewer --steps, or more --trainer.max_epochs"
        )
    return result(request, bench, cli)


def make_up(data: Any, steps: int) -> None:
    """Put made-up samples in the place of data, one batch more than is trained on.

    Raises:
        UserError: the data module can't.
    """
    if not hasattr(data, "make_up"):
        raise UserError(
            f"data: {type(data).__name__} knows no made-up samples\naccepted: --real-data, "
            "or a MultimodalDataModule or SequenceDataModule of yours"
        )
    data.make_up(data.loader.batch_size * (steps + 1))


def result(request: Request, bench: StepBench, cli: TrainCLI) -> dict[str, Any]:
    """The measured steps as plain values, with the machine that took them."""
    laps, timed = bench.laps, bench.whole or bench.laps
    seconds = {part: spread([lap[part] for lap in laps]) for part in ("step", *PARTS, "floor")}
    if bench.whole:
        seconds |= {part: spread([lap[part] for lap in timed]) for part in ("step", "floor")}
    ratios = [lap["step"] / lap["floor"] for lap in timed if lap["floor"] > 0]
    return {
        "experiment": request.name,
        "flags": request.flags,
        "data": "real" if request.real_data else "made up",
        "steps": len(laps),
        "warmup": request.warmup,
        "batch_size": bench.batch_size,
        "samples_per_second": spread([bench.batch_size / lap["step"] for lap in timed]),
        "seconds": seconds,
        "parts_waited_for": bool(bench.whole),  # so they add up to more than the step
        "step_over_floor": spread(ratios) if ratios else None,
        "floor_layers": len(bench.floor.layers),
        "layers": len(floor_layers(cli.model)),
        "peak_bytes": bench.peak_bytes,
        "start_bytes": bench.start_bytes,  # before the first step
        "machine": machine(bench.device, str(cli.trainer.precision)),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median, and the quartiles around it; of one value itself."""
    low, middle, high = (
        statistics.quantiles(values, method="inclusive") if values[1:] else 3 * values
    )
    return {"median": middle, "low": low, "high": high}


def machine(device: torch.device, precision: str) -> dict[str, Any]:
    """What the steps ran on, and with which versions."""
    on_gpu = device.type == "cuda"
    return {
        "processor": processor(),
        "instruction_sets": instruction_sets(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "precision": precision,
        "torch": torch.__version__,
        "snn_mm": snn_mm.__version__,
    }
