"""Compare forms of prepared clips: random access, and size on disk.

    python benchmarks/prepared_form.py [--clips 200] [--rounds 3] [--folder DIR]

Prints megabytes, milliseconds of one CPU a clip, and clips a second over one shuffled epoch, for
1, 2 and 4 workers, and for two ranks of one worker each; cold (the system's page cache asked to
forget the files) and warm. litdata is compared where it is installed. The forms are timed in turn,
so that their ratios hold on a machine whose other users come and go. `litdata, copied` stands for
an object store: its `local:` address makes it fetch each chunk from another directory, at the
speed of a copy and without latency.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from prepared_forms import FORMS, make_clips
from torch.utils.data import DataLoader, Subset

SETTINGS = ((1, 1), (2, 1), (4, 1), (1, 2))
"""Workers a rank, and ranks."""


def forget(folder: Path) -> None:
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def loader(name: str, data: Any, workers: int) -> Any:
    """Batches of 16 in random order; of this rank's share, which litdata finds out itself."""
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if name.startswith("litdata"):
        from litdata import StreamingDataLoader

        return StreamingDataLoader(data, batch_size=16, num_workers=workers, collate_fn=len)
    part = Subset(data, range(rank, len(data), ranks))
    return DataLoader(part, 16, shuffle=True, num_workers=workers, collate_fn=len)


def epoch(name: str, folder: Path, workers: int, rank: int, ranks: int) -> tuple[int, float]:
    """Read every clip of this rank once; return their number and the seconds it took."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "NNODES": 1, "NODE_RANK": 0}
    os.environ.update({key: str(value) for key, value in place.items()})
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    with tempfile.TemporaryDirectory() as cache:
        batches = loader(name, FORMS[name][1](folder, Path(cache)), workers)
        begin = time.perf_counter()
        count = sum(batches)
        return count, time.perf_counter() - begin


def measure(name: str, folder: Path, workers: int, ranks: int) -> float:
    """Clips a second of all ranks together; ranks are forked, so that imports don't count."""
    with ProcessPoolExecutor(ranks, get_context("fork")) as pool:
        tasks = [pool.submit(epoch, name, folder, workers, rank, ranks) for rank in range(ranks)]
        counts, seconds = zip(*(task.result() for task in tasks))
    return float(sum(counts) / max(seconds))


def cpu_milliseconds(name: str, folder: Path, rows: int = 50) -> float:
    """CPU time a clip in one process: what load of other users changes least."""
    with tempfile.TemporaryDirectory() as cache:
        data = FORMS[name][1](folder, Path(cache))
        data[0]
        begin = time.process_time()
        for row in range(min(rows, len(data))):
            data[row]
        return 1e3 * (time.process_time() - begin) / min(rows, len(data))


def compare(folder: Path, clips: int, rounds: int) -> None:
    names = [name for name in FORMS if find_spec("litdata") or not name.startswith("litdata")]
    made, folders = make_clips(clips), {}
    for name in names:
        folders[name] = folder / name.replace(" ", "_").replace(",", "")
        folders[name].mkdir()
        FORMS[name][0](folders[name], made)
    size = {name: megabytes(path) for name, path in folders.items()}
    print(f"{clips} clips; clips a second, median of {rounds}, (workers x ranks)")
    heads = [f"{state} {w}x{r}" for state in ("cold", "warm") for w, r in SETTINGS]
    print(f"{'form':<18}{'MB':>7}{'CPU ms':>8}" + "".join(f"{head:>10}" for head in heads))
    cpu = {name: cpu_milliseconds(name, path) for name, path in folders.items()}
    speeds: dict[str, list[list[float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            row = []
            for cold in (True, False):
                for workers, ranks in SETTINGS:
                    if cold:
                        forget(folders[name])
                    row.append(measure(name, folders[name], workers, ranks))
            speeds[name].append(row)
    for name in names:
        medians = [statistics.median(column) for column in zip(*speeds[name])]
        cells = "".join(f"{speed:>10.0f}" for speed in medians)
        print(f"{name:<18}{size[name]:>7.0f}{cpu[name]:>8.1f}{cells}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        compare(Path(folder), options.clips, options.rounds)


if __name__ == "__main__":
    main()
