"""An epoch of random reads from a feature file of VS100-CI's size: peak memory and reads a second.

    python benchmarks/vs100_reads.py --folder DIR [--reads 51195] [--batch-size 256] [--no-disk]

DIR gets the lists, audio features of made-up values, and an HDF5 file with 51,395 data sets
`[1568, 768]` of float32: 248 GB of holes, which take 56 MB on a disk whose file system knows
sparse files. Reading a hole takes the same calls and the same memory as reading values; the disk
is what it leaves out. With `--no-disk` the data sets have no place in the file at all and HDF5
makes up their values: that times what is ours. The file stays for the next run.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import h5py
import numpy as np
from measures import peak_of

from datamodules.av_cil.module import AUDIO, VISUAL_H5, ClassIncremental
from datamodules.base import LoaderOptions

CLASSES, SAMPLES, EVALUATED = 100, 51_195, 100
SHAPE = (1568, 768)


def make_lists(folder: Path) -> list[str]:
    """Write the three dictionaries and return all ids."""
    parts = {"train": SAMPLES, "val": EVALUATED, "test": EVALUATED}
    ids = {name: [f"{name}{row:07d}_000145" for row in range(n)] for name, n in parts.items()}
    names = [f"class {label}" for label in range(CLASSES)]
    by_class = {part: {k: ids[part][k::CLASSES] for k in range(CLASSES)} for part in parts}
    by_id = {
        part: {key: names[k] for k, keys in by_class[part].items() for key in keys}
        for part in parts
    }
    encode = {name: label for label, name in enumerate(names)}
    np.save(folder / "all_classId_vid_dict.npy", np.array(by_class))
    np.save(folder / "all_id_category_dict.npy", np.array(by_id))
    np.save(folder / "category_encode_dict.npy", np.array(encode))
    return [key for part in ids.values() for key in part]


def make_features(folder: Path, ids: list[str], on_disk: bool) -> None:
    """Write audio features, and visual ones that are holes or nothing."""
    for path in (folder / AUDIO, folder / VISUAL_H5):
        path.parent.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    audio = {key: rng.normal(size=SHAPE[1]).astype(np.float32) for key in ids}
    np.save(folder / AUDIO, np.array(audio))
    space = h5py.h5s.create_simple(SHAPE)
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if on_disk:
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)  # the file has room for it ...
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # ... that nothing is written to
    with h5py.File(folder / VISUAL_H5, "w") as file:
        for key in ids:
            h5py.h5d.create(file.id, key.encode(), h5py.h5t.IEEE_F32LE, space, layout)


def memory() -> int:
    """Bytes of this process and its children, shared pages divided among those that share them."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    total = 0
    for process in ("self", *children):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def read_epoch(folder: Path, workers: int, reads: int, batch_size: int) -> None:
    """Read `reads` samples in random order and print what it took."""
    loader = LoaderOptions(batch_size, workers, prefetch_factor=1 if workers else None)
    with peak_of(memory, 0.1) as peak:
        data = ClassIncremental(
            data_dir=str(folder), dataset="vs100", protocol="joint", loader=loader
        )
        data.setup("fit")
        begun, done = time.perf_counter(), 0
        for batch in data.train_dataloader():
            done += len(batch["id"])
            del batch
            if done >= reads:
                break
        seconds = time.perf_counter() - begun
    print(
        f"workers {workers} batch {batch_size} reads {done} seconds {seconds:.0f} "
        f"reads/s {done / seconds:.0f} GB/s {done * 4 * np.prod(SHAPE) / seconds / 1e9:.2f} "
        f"peak GB {peak[0] / 1e9:.2f}",
        flush=True,
    )


def main() -> None:
    """Make the files, unless they are there, and read them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--reads", type=int, default=SAMPLES)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--no-disk", action="store_true")
    options = parser.parse_args()
    if not (options.folder / VISUAL_H5).exists():
        options.folder.mkdir(parents=True, exist_ok=True)
        make_features(options.folder, make_lists(options.folder), not options.no_disk)
    status = (options.folder / VISUAL_H5).stat()
    print(f"file: {status.st_size / 1e9:.0f} GB, {status.st_blocks * 512 / 1e6:.0f} MB on disk")
    for workers in options.workers:
        read_epoch(options.folder, workers, options.reads, options.batch_size)


if __name__ == "__main__":
    main()
