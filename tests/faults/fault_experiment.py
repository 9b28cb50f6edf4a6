"""An experiment of a second, and the faults that strike the process it runs in.

Spiking and plain encoders, dropout, batch norm, a schedule, a modulation; an epoch has 12 batches
of a data module of the project, so that workers and the middle of an epoch count.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lightning import Callback, LightningModule, Trainer
from toy_experiment import ToyEncoder, ToySpikes

from datamodules.base import MultimodalDataModule, SplitName
from datamodules.split import Split
from snn_mm.cli import main

STEPS = 36
HOOKS = (
    "on_train_batch_start",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)
FILE_EVENTS = {"open": 0, "os.rename": 0, "os.remove": 0, "os.mkdir": 0, "os.truncate": 0}
"""Audited operations, and which of their arguments is the path."""


class Strike(NamedTuple):
    """What befalls a process.

    Attributes:
        moment: a hook of training, `file` (before an operation on a file of the run) or `time`.
        count: which call of the hook or operation, from one; 0 counts operations alone.
        delay: seconds from then on.
        signal: which is sent; 0 makes the process wait until a file `go` lies beside its log.
        ranks: those that it befalls.
        with_workers: whether it befalls their workers too, as a key of a terminal does.
    """

    moment: str
    count: int
    delay: float = 0.0
    signal: int = signal.SIGKILL
    ranks: tuple[int, ...] = (0,)
    with_workers: bool = False


class Fault:
    """Counts until a strike is due.

    Args:
        strike: what befalls the process.
        log: where its output goes.
    """

    def __init__(self, strike: Strike, log: Path) -> None:
        self.strike, self.log, self.seen = strike, log, 0

    def count(self) -> None:
        """One of what is counted."""
        self.seen += 1
        if self.seen != self.strike.count:
            return
        if self.strike.signal == 0:
            self.wait()
        elif self.strike.delay:
            timer = threading.Timer(self.strike.delay, self.hit)
            timer.daemon = True  # a process that ends before is not struck
            timer.start()
        else:
            self.hit()

    def hit(self) -> None:
        """Send the signal."""
        send = os.killpg if self.strike.with_workers else os.kill
        send(os.getpid(), self.strike.signal)

    def wait(self) -> None:
        """Hold the run directory until told to go on."""
        self.log.with_suffix(".waits").touch()
        while not self.log.with_suffix(".go").exists():
            time.sleep(0.05)


FAULTS: list[Fault] = []


class StrikeAt(Callback):
    """Tells the fault of this process of every hook of training."""

    def __getattribute__(self, name: str) -> Any:
        get = super().__getattribute__
        is_due = FAULTS and name == FAULTS[0].strike.moment
        return get("_counted") if is_due else get(name)

    def _counted(self, trainer: Trainer, module: LightningModule, *arguments: object) -> None:
        FAULTS[0].count()


class FaultSpikes(ToySpikes):
    """A name that the config may use."""


class FaultEncoder(ToyEncoder):
    """A name that the config may use."""


class FaultData(MultimodalDataModule):
    """Two modalities of random numbers whose sign says the class."""

    modalities = ("audio", "visual")
    class_names = ("minus", "plus")

    def load_split(self, name: SplitName) -> Split:
        """48 samples to train on, 16 to validate and test."""
        rng = np.random.default_rng(("train", "val", "test").index(name))
        labels = np.arange(48 if name == "train" else 16) % 2
        arrays = {
            modality: (rng.standard_normal((len(labels), 4)) + labels[:, None] * 2 - 1).astype("f4")
            for modality in self.modalities
        }
        return Split.aligned(arrays, labels, [f"{name}{row}" for row in range(len(labels))])


def run(argv: list[str], strike: Strike | None, log: Path, environment: Mapping[str, str]) -> None:
    """What a process does: the command, with its output in a file, and the strike."""
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    method = multiprocessing.get_all_start_methods()[0]  # a fork's default is that of its server
    multiprocessing.set_start_method(method, force=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # `nohup` and `&` hand down SIG_IGN
    if strike is not None:
        arm(strike, log)
    sys.exit(main(argv))


def arm(strike: Strike, log: Path) -> None:
    """Have a strike befall this process; its run lies beside the log."""
    fault = Fault(strike, log)
    os.setpgid(0, 0)  # a group of its own, of which its workers are
    FAULTS.append(fault)
    owner, place = os.getpid(), str(log.parent / "runs")

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS and os.getpid() == owner and str(arguments[0]).startswith(place):
            fault.count()

    if strike.moment == "file":
        sys.addaudithook(watch)
        if strike.count == 0:
            atexit.register(lambda: log.with_suffix(".count").write_text(str(fault.seen)))
    elif strike.moment == "time":
        fault.count()
