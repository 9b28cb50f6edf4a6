"""Several ranks of one command, each a process forked from one that has imported everything."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import get_context, set_start_method
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from datamodules.base import DEFAULT_LOADER, LoaderOptions, MultimodalDataModule, SplitName
from datamodules.split import Split
from snn_mm.cli import main
from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.run.identity import DIRECTORY_VARIABLE

SIZES = {"train": 24, "val": 10, "test": 10}


def rank() -> int:
    """Which rank this process is."""
    return int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or os.environ["LOCAL_RANK"])


class RankConv(Encoder):
    """A convolution: `[N, 4]` to `[1, N, D]`."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 6, 1
        self.layers = nn.Conv2d(1, 6, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Encode `[N, 4]`."""
        features: Tensor = self.layers(x.view(-1, 1, 2, 2))  # [N, D, 1, 1]
        return features.flatten(1).unsqueeze(0)


class RankData(MultimodalDataModule):
    """Noise around four means, in arrays of a data module of the project.

    Args:
        modalities: their names.
        fails_on: the rank whose data raise, in the second epoch.
        loader: how batches are loaded.
    """

    class_names = ("a", "b", "c", "d")

    def __init__(
        self,
        modalities: Sequence[str] = ("audio", "visual"),
        fails_on: int | None = None,
        loader: LoaderOptions = DEFAULT_LOADER,
    ) -> None:
        super().__init__("anywhere", 0, loader)
        self.modalities, self.fails_on = tuple(modalities), fails_on

    def load_split(self, name: SplitName) -> Split:
        """Draw a split."""
        generator, size = np.random.default_rng(len(name)), SIZES[name]
        labels = np.arange(size) % 4
        arrays = {
            each: (generator.normal(size=(size, 4)) + 2 * np.eye(4)[labels]).astype(np.float32)
            for each in self.modalities
        }
        ids = [f"{name}{index}" for index in range(size)]
        return Split.aligned(arrays, labels, ids)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Fail as a clip that can't be read would."""
        trainer = self.trainer
        if trainer and trainer.training and trainer.current_epoch and rank() == self.fails_on:
            raise UserError("clip 'three.wav' is corrupt")
        return batch


class Endless(IterableDataset[Any]):
    """Samples without end, or at least without a length."""

    def __init__(self, split: Split, count: int) -> None:
        self.split, self.count = split, count

    def __iter__(self) -> Iterator[Any]:
        for index in range(self.count):
            yield self.split[index]


class UnevenData(RankData):
    """The second rank has fewer training batches; `streamed` does not say so beforehand."""

    def __init__(self, streamed: bool = False) -> None:
        super().__init__()
        self.streamed = streamed

    def train_dataloader(self) -> DataLoader[Any]:
        """Three batches on the first rank, two on the second."""
        split, count = self.split("train"), 24 - 8 * rank()
        assert isinstance(split, Split)
        if self.streamed:
            return DataLoader(Endless(split, count), batch_size=8, collate_fn=self.collate)
        return DataLoader(
            torch.utils.data.Subset(split, range(count)),
            batch_size=8,
            sampler=list(range(count)),
            collate_fn=self.collate,
        )


class Outcome(NamedTuple):
    """How a rank ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def run_as_rank(commands: list[list[str]], folder: str, environment: Mapping[str, str]) -> None:
    """What the process of a rank does: all commands, one after the other; their codes in a file."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    set_start_method("fork", force=True)  # of loading workers, as it is elsewhere
    os.environ.update(environment)
    name = f"{folder}/{rank()}"
    for descriptor, suffix in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{name}.{suffix}", os.O_CREAT | os.O_WRONLY | os.O_APPEND), descriptor)
    # Under pytest they are not those of the descriptors.
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    codes = []
    for argv in commands:
        if rank() and "--run.id" in argv:  # as Lightning tells the ranks that it launches
            root, run = (argv[argv.index(flag) + 1] for flag in ("--run.root", "--run.id"))
            os.environ[DIRECTORY_VARIABLE] = f"{Path(root).resolve()}/toy/{run}"
        codes.append(main(argv))
        Path(f"{name}.json").write_text(json.dumps(codes))
    sys.stdout.flush()
    sys.exit(codes[-1])


class Ranks:
    """Two ranks at work.

    Args:
        commands: arguments of `snnmm`, for both; with `--run.root` and `--run.id`.
        folder: where they write what they print.
        environment: variables by rank, beside those that say which rank it is.
    """

    def __init__(
        self,
        commands: list[list[str]],
        folder: Path,
        environment: Mapping[int, Mapping[str, str]] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        context = get_context("forkserver")
        context.set_forkserver_preload(["toy_ranks", "toy_experiment"])
        common = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
            "NODE_RANK": "0",
            "WORLD_SIZE": "2",
            "SNN_MM_ATTEMPT": str(time.monotonic_ns()),
        }
        self.folder = folder
        self.processes: list[ForkServerProcess] = []
        for number in range(2):
            own = {**common, "LOCAL_RANK": str(number), **(environment or {}).get(number, {})}
            process = context.Process(target=run_as_rank, args=(commands, str(folder), own))
            process.start()
            self.processes.append(process)

    def wait(self, seconds: float = 300.0) -> list[Outcome]:
        """Wait for the end of both; who is not there a minute after the other is killed."""
        wait([process.sentinel for process in self.processes], seconds)
        for process in self.processes:
            process.join(60)
        for process in self.processes:
            process.kill()
            process.join()
        return [
            Outcome(process.exitcode or 0, *(self._said(number, kind) for kind in ("out", "err")))
            for number, process in enumerate(self.processes)
        ]

    def codes(self) -> list[list[int]]:
        """The exit code of each command, by rank."""
        files = [self.folder / f"{number}.json" for number in range(2)]
        return [json.loads(file.read_text()) if file.is_file() else [] for file in files]

    def _said(self, number: int, kind: str) -> str:
        path = self.folder / f"{number}.{kind}"
        return path.read_text() if path.is_file() else ""
