"""Time one training step of the spiking audio-visual ResNet-18 beside a plain loop over time.

    python benchmarks/train_step.py [--rounds 7] [--threads 2] [--only NAME ...] [--base NAME]
                                    [--device cuda] [--batch 8]

Each workload lives in its own process, so that peak memory is its own; they take turns, one step a
round, so that other load on the machine falls on all of them. A ratio is that of one round.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
from multiprocessing.connection import Connection

import torch
from workloads import CPU, WORKLOADS, Place

import snn_mm
from snn_mm.energy.floor import mark, seconds_of, synchronise

BASE = "plain loop over time"
WARMUP = {"cpu": 1, "cuda": 5}  # cuDNN tries its kernels, Triton compiles its own
TOGETHER = 2
"""Workloads that take turns with the base at a time; each holds several GiB."""


def serve(name: str, threads: int, place: Place, connection: Connection) -> None:
    """In a fresh process: one step of the workload and its seconds per request, then the memory."""
    torch.set_num_threads(threads)
    step = WORKLOADS[name](place)
    for _ in range(WARMUP[place.device.type]):  # compiles, allocates
        step()
    connection.send("ready")
    while connection.recv() == "step":
        synchronise(place.device)
        start = mark(place.device)
        step()
        connection.send(seconds_of((start, mark(place.device))))
    connection.send(peak_memory(place.device) / 2**30)


def peak_memory(device: torch.device) -> int:
    """Bytes: of tensors on a GPU, of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 2**10


def measure(
    names: list[str], rounds: int, threads: int, place: Place
) -> tuple[dict[str, list[float]], list[float]]:
    """Seconds of every round by workload, and peak memory in GiB."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    for name in names:
        ours, theirs = context.Pipe()
        context.Process(target=serve, args=(name, threads, place, theirs), daemon=True).start()
        theirs.close()  # else a process that dies is waited for in vain
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
        for name, pipe in zip(names, pipes):
            pipe.send("step")
            seconds[name].append(pipe.recv())
    for pipe in pipes:
        pipe.send("stop")
    return seconds, [pipe.recv() for pipe in pipes]


def print_row(name: str, seconds: list[float], base: list[float], peak: float) -> None:
    """Median, ratio to the base round by round, and peak memory of one workload."""
    ratios = [mine / theirs for mine, theirs in zip(seconds, base)]
    span = f"[{min(ratios):.2f}, {max(ratios):.2f}]"
    median, ratio = statistics.median(seconds), statistics.median(ratios)
    print(f"{name:<30}{median:>9.3f}{ratio:>7.2f} {span:<13}{peak:>9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--base", choices=list(WORKLOADS), default=BASE, help="of the ratios")
    parser.add_argument("--device", default=CPU.name, help="such as cuda")
    parser.add_argument("--batch", type=int, default=CPU.batch)
    options = parser.parse_args()
    place = Place(options.device, options.batch)
    base = options.base
    names = [name for name in options.only if name != base]
    print(f"torch {torch.__version__}, snn_mm {snn_mm.__version__}, {options.threads} threads")
    print(f"{place.name}, batch {place.batch}")
    print(f"{'':<30}{'median s':>9}{'ratio':>7} {'[min, max]':<13}{'peak GiB':>9}")
    for first in range(0, max(1, len(names)), TOGETHER):
        group = [base, *names[first : first + TOGETHER]]
        seconds, memory = measure(group, options.rounds, options.threads, place)
        for name, peak in list(zip(group, memory))[first > 0 :]:
            print_row(name, seconds[name], seconds[base], peak)


if __name__ == "__main__":
    main()
