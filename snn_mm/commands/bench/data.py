"""Whether data keep up with a step: samples a second of the loader, and what a GPU would take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import get_worker_info

from snn_mm.commands.bench.appetite import StepCost, appetite
from snn_mm.commands.bench.measure import BenchCLI, MeasuredError, machine, make_up
from snn_mm.commands.bench.request import Request
from snn_mm.config.options import read_command
from snn_mm.errors import UserError
from snn_mm.run.processor import one_thread

WORKERS = (0, 2, 4)
FEW = 2
"""Samples of the step whose operations are counted."""


class CountedStep(Callback):
    """Counts what one training step does, and ends the training."""

    def __init__(self) -> None:
        self.cost, self.samples, self.nbytes = StepCost(), 0, 0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begin to count."""
        self.samples = len(batch["target"])
        self.nbytes = sum(x.nbytes for x in batch["inputs"].values())
        self.cost.__enter__()  # type: ignore[no-untyped-call]

    def on_train_batch_end(self, *_: Any) -> None:
        """Stop."""
        self.cost.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        raise MeasuredError


def measure_data(request: Request) -> dict[str, Any]:
    """Load batches with several numbers of workers; what it took, as plain values.

    Raises:
        UserError: a mistake in the config or the flags, or data that are not there.
    """
    counted = CountedStep()
    with TemporaryDirectory() as folder:
        cli = BenchCLI(read_command(request.fit(Path(folder))), counted)
        data, loader = cli.datamodule, cli.datamodule.loader
        data.prepare_data()
        data.setup("fit")
        rates = {workers: load(data, workers, request.seconds) for workers in WORKERS}
        cli.run_directory.create()
        data.loader = replace(
            loader, batch_size=FEW, num_workers=0, persistent_workers=False, prefetch_factor=None
        )
        make_up(data, 1)
        with suppress(MeasuredError):
            cli.trainer.fit(cli.model, data)
    if not counted.samples:
        raise UserError("bench: the training took no step\naccepted: --trainer.max_epochs 1")
    flops, kernels = counted.cost.flops / counted.samples, counted.cost.kernels
    nbytes = counted.nbytes / counted.samples
    needed = appetite(flops, kernels, loader.batch_size, nbytes)
    return {
        "experiment": request.name,
        "flags": request.flags,
        "data": type(data).__name__,
        "batch_size": loader.batch_size,
        "flops_per_sample": flops,
        "kernels_per_step": kernels,
        "bytes_per_sample": nbytes,
        "needed_per_second": needed,
        "workers": {str(n): judged(rate, n, needed) for n, rate in rates.items()},
        "machine": machine(cli.model.device, str(cli.trainer.precision)),
    }


def load(data: Any, workers: int, seconds: float) -> dict[str, float]:
    """Take training batches for some seconds, after a first epoch or as many seconds.

    Returns:
        Samples a second by the clock, and CPU seconds a sample of the process that trains and of
        its workers together.
    """
    data.loader = replace(
        data.loader,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=data.loader.prefetch_factor if workers else None,
    )
    with one_thread():  # as in a worker
        loader = data.train_dataloader()
        loader.collate_fn = made = Made(loader.collate_fn, workers)
        batches = endless(loader)
        take(batches, seconds / 2)
        begun, busy, before = time.perf_counter(), time.process_time(), made.sums.clone()
        samples = take(batches, seconds)
        clock = time.perf_counter() - begun
        busy = time.process_time() - busy
    return {
        "samples": samples,
        "per_second": samples / clock,
        "trainer_cpu_seconds": busy / samples,
        "worker_cpu_seconds": made.cpu_seconds(before),
    }


class Made:
    """Notes in each worker what it has made so far, and the CPU seconds that it took.

    Workers are ahead of what is taken from them by several batches, which at the end of a short
    measurement would count as the time of those few that were taken.

    Args:
        collate: makes a batch of samples.
        workers: their number.

    Attributes:
        sums: CPU seconds and samples of each worker, `[workers, 2]`.
    """

    def __init__(self, collate: Callable[[Any], Any], workers: int) -> None:
        self.collate = collate
        sums = torch.zeros(workers, 2, dtype=torch.float64)
        self.sums: Tensor = sums.share_memory_()  # type: ignore[no-untyped-call]

    def __call__(self, samples: Any) -> Any:
        """Make a batch, and note it."""
        batch = self.collate(samples)
        if worker := get_worker_info():
            row = self.sums[worker.id]
            row[0], row[1] = time.process_time(), row[1] + len(samples)
        return batch

    def cpu_seconds(self, before: Tensor) -> float:
        """CPU seconds a sample since `before` `[workers, 2]`; of all if none was made since."""
        seconds, samples = (self.sums - before).sum(dim=0).tolist()
        if not samples:
            seconds, samples = self.sums.sum(dim=0).tolist()
        return seconds / samples if samples else 0.0


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Yield batches epoch after epoch."""
    while True:
        yield from loader


def take(batches: Iterator[Any], seconds: float) -> int:
    """Take batches for so long; how many samples they had."""
    end, samples = time.perf_counter() + seconds, 0
    while True:
        samples += len(next(batches)["target"])
        if time.perf_counter() > end:
            return samples


def judged(rate: dict[str, float], workers: int, needed: float) -> dict[str, Any]:
    """Add what as many idle cores would deliver, and whether that is too little.

    Whatever the workers do at once, the process that trains takes their batches one by one.
    """
    trainer, others = rate["trainer_cpu_seconds"], rate["worker_cpu_seconds"]
    slowest = max(trainer, others / workers if workers else 0.0)
    delivered = 1 / max(slowest, 1e-9)
    return {**rate, "on_idle_cores": delivered, "starves": delivered < needed}


def describe_data(result: dict[str, Any]) -> str:
    """Lines of what loading took."""
    head = (
        f"{result['experiment']}: {result['data']}, batch {result['batch_size']}\n"
        f"  {'workers':<9}{'samples/s':>10}{'CPU ms a sample: worker':>25}{'trainer':>9}"
        f"{'on idle cores, /s':>19}"
    )
    rows = [
        f"  {n:<9}{rate['per_second']:>10.4g}{1e3 * rate['worker_cpu_seconds']:>25.3g}"
        f"{1e3 * rate['trainer_cpu_seconds']:>9.3g}{rate['on_idle_cores']:>19.4g}"
        f"{'  starves' if rate['starves'] else ''}"
        for n, rate in result["workers"].items()
    ]
    foot = (
        f"  an H100 would take {result['needed_per_second']:.4g} a second: "
        f"{result['flops_per_sample'] / 1e9:.3g} GFLOP a sample, "
        f"{result['kernels_per_step']} kernels a step, "
        f"{result['bytes_per_sample'] / 1e6:.3g} MB a sample"
    )
    return "\n".join([head, *rows, foot])
