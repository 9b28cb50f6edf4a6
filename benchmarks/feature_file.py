"""Train on a feature file of the size of CH-SIMS v2 (3.6 GB): peak memory, and time to the start.

    python benchmarks/feature_file.py [--dir DIR] [--samples 2722,647,1034]

Writes a synthetic file with the shapes and types of the distributed one, in pieces, then does each
of these in a process of its own and prints the peak of its memory:

* read: interpret the pickle, which maps its arrays
* prepare: convert it, and load the first training batch: the first start
* first batch: load the first training batch of the prepared file: every later start
* epoch: load all training batches
* fit: 20 steps of SGMT and two batches of validation by `snnmm fit`

`anonymous` is memory that only this process can give back. `resident` also counts pages of mapped
files, which all processes share and the system takes back when others need memory.
"""

from __future__ import annotations

import argparse
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measures import peak_of

SHAPES = {"text": (50, 768), "text_bert": (3, 50), "audio": (925, 25), "vision": (232, 177)}
NAMES, LABELS = ("train", "valid", "test"), ("", "_T", "_A", "_V")
FILE = "ch-simsv2s.pkl"
BATCH = 32
BLOCK_ROWS = 16


class Streamed:
    """An array of random values that exists only while it is written."""

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self.shape, self.seed = shape, seed

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the array, some rows at a time."""
        rng = np.random.default_rng(self.seed)
        is_mask = self.shape[1:] == SHAPES["text_bert"]
        block = rng.standard_normal((BLOCK_ROWS, *self.shape[1:]))
        for begin in range(0, self.shape[0], BLOCK_ROWS):
            rows = min(BLOCK_ROWS, self.shape[0] - begin)
            yield (np.ones_like(block) if is_mask else np.roll(block, begin, axis=0))[
                :rows
            ].tobytes()


class StreamingPickler(pickle._Pickler):
    """Writes `Streamed` as NumPy writes an array of float64 in C order."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """Write an object."""
        if not isinstance(obj, Streamed):
            super().save(obj, save_persistent_id)
            return
        function, arguments, *_ = np.zeros(0).__reduce__()
        self.save(function)
        self.save(arguments)
        self.write(pickle.REDUCE + pickle.MARK)
        for part in (1, obj.shape, np.dtype(np.float64), False):
            self.save(part)
        self.framer.commit_frame(force=True)
        self._file_write(pickle.BINBYTES8 + struct.pack("<Q", 8 * int(np.prod(obj.shape))))
        for piece in obj.pieces():
            self._file_write(piece)
        self.write(pickle.TUPLE + pickle.BUILD)


def synthetic_split(samples: int, seed: int) -> dict[str, Any]:
    """A split in the layout of CH-SIMS v2."""
    rng = np.random.default_rng(seed)
    arrays = {key: Streamed((samples, *shape), seed) for key, shape in SHAPES.items()}
    labels = {f"regression_labels{key}": rng.uniform(-1, 1, samples) for key in LABELS}
    lengths = {
        f"{key}_lengths": rng.integers(1, SHAPES[key][0] + 1, samples).tolist()
        for key in ("audio", "vision")
    }
    names = [f"video{seed}$_${row:04d}" for row in range(samples)]
    return {"raw_text": names, "id": names, **arrays, **lengths, **labels}


def write_file(path: Path, samples: list[int]) -> None:
    splits = {name: synthetic_split(n, seed) for seed, (name, n) in enumerate(zip(NAMES, samples))}
    with path.open("wb") as file:
        StreamingPickler(file, 4).dump(splits)


def data_module(root: Path) -> Any:
    from datamodules import CHSimsV2
    from datamodules.base import LoaderOptions

    data = CHSimsV2(str(root), loader=LoaderOptions(batch_size=BATCH))
    data.setup("fit")
    return data


def read(root: Path) -> None:
    from datamodules.feature_files.unpickle import read_pickle

    read_pickle(root / FILE)


def first_batch(root: Path) -> None:
    next(iter(data_module(root).train_dataloader()))


def epoch(root: Path) -> None:
    for _ in data_module(root).train_dataloader():
        pass


def fit(root: Path) -> None:
    from snn_mm.cli import main

    options = {
        "config": Path(__file__).resolve().parents[1] / "experiments" / "sgmt_sims.yaml",
        "data.init_args.root": root,
        "data.init_args.loader.batch_size": BATCH,
        "trainer.max_epochs": 1,
        "trainer.limit_train_batches": 20,
        "trainer.limit_val_batches": 2,
        "trainer.enable_progress_bar": "false",
    }
    os.chdir(root)  # where the run is recorded
    if code := main(["fit", *(f"--{key}={value}" for key, value in options.items())]):
        raise SystemExit(code)


TASKS: dict[str, Callable[[Path], None]] = {
    "read": read,
    "prepare": first_batch,
    "first batch": first_batch,
    "epoch": epoch,
    "fit": fit,
}


def status(key: str) -> float:
    """A size of this process in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return float(line.split()[1]) / 1e3
    raise KeyError(key)


def measured(task: str, root: Path) -> None:
    """Run a task in this process while a thread watches its memory, and print what it took."""
    begin = time.perf_counter()
    with peak_of(lambda: status("RssAnon"), 0.005) as peak:
        TASKS[task](root)
    seconds = time.perf_counter() - begin
    print(f"{task:<12}{seconds:>9.2f}{peak[0]:>12.0f}{status('VmHWM'):>11.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--samples", default="2722,647,1034")
    parser.add_argument("--task", choices=TASKS, help="one task, in this process, on files in DIR")
    options = parser.parse_args()
    if options.task:
        measured(options.task, options.dir)
        return
    if options.dir:
        options.dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        path = Path(folder) / FILE
        write_file(path, [int(n) for n in options.samples.split(",")])
        print(f"{path.stat().st_size / 1e9:.2f} GB; imports are part of the seconds", flush=True)
        print(
            f"{'task':<12}{'seconds':>9}{'anonymous':>12}{'resident':>11}  (MB, peak)", flush=True
        )
        for task in TASKS:
            again = [sys.executable, __file__, "--dir", folder, "--task", task]
            subprocess.run(again, check=True)  # noqa: S603 - this very file


if __name__ == "__main__":
    main()
