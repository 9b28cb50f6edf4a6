"""Measure the start of a run: from `snnmm fit` to its first optimizer step.

    python benchmarks/start.py [EXPERIMENT] [--runs 5] [--flag=--KEY=VALUE ...]

Each run is a process that trains one step: started afresh, then forked by `snnmm sweep --warm`.
Measured are CPU seconds on one thread, since those of a clock on a shared machine say more about
its other users, seconds of the clock, which on an idle machine are the same, and the modules that
are imported. Then what `python -X importtime` says of the imports, by package. The data are made,
or read, once before.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

SNNMM = (sys.executable, "-P", "-m", "snn_mm")
ONE_STEP = ("max_steps=1", "limit_val_batches=1", "num_sanity_val_steps=0")
LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)")
SHOWN = 12


class Started(Callback):
    """Note, in a line of a file, what it took this process to come to the end of its first step.

    Args:
        path: the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the line."""
        facts = {"cpu": time.process_time(), "clock": age(), "modules": len(sys.modules)}
        with Path(self.path).open("a") as file:
            file.write(json.dumps(facts) + "\n")


def age() -> float:
    """Seconds since this process was started or forked."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def flags(notes: Path, given: list[str]) -> list[str]:
    """What makes a run stop after a step, which it notes."""
    trainer = [f"--trainer.{setting}" for setting in ONE_STEP]
    callback = ["--trainer.callbacks+=start.Started", f"--trainer.callbacks.path={notes}"]
    return [*trainer, "--test_after_fit=false", "--trust=start", *callback, *given]


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where this file is a module, on one thread."""
    here = Path(__file__).resolve().parent
    paths = [str(here.parent), str(here)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(  # noqa: S603
        arguments,
        env=environment,
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done


def measure(experiment: str, runs: int, given: list[str], folder: Path) -> dict[str, list[Any]]:
    """Facts of every run, by how it was started."""
    notes = {how: folder / f"{how}.jsonl" for how in ("first", "fresh", "forked")}
    root = f"--run.root={folder}"
    fit = [*SNNMM, "fit", f"--config={experiment}", root]
    call(*fit, *flags(notes["first"], given))  # compiles, makes the data, fills the page cache
    for _ in range(runs):
        call(*fit, *flags(notes["fresh"], given))
    sweep = [*SNNMM, "sweep", experiment, f"--seeds={runs + 1}", "--warm", root]
    call(*sweep, *flags(notes["forked"], given))
    found = {how: [*map(json.loads, path.read_text().splitlines())] for how, path in notes.items()}
    del found["first"], found["forked"][0]
    return found


def imports(experiment: str, given: list[str], folder: Path) -> Counter[str]:
    """Microseconds by package that importing its modules takes."""
    arguments = ["fit", f"--config={experiment}", *given, "--print_config"]
    run = call(sys.executable, "-X", "importtime", *SNNMM[1:], *arguments)
    found: Counter[str] = Counter()
    for line in LINE.finditer(run.stderr):
        found[line[2]] += int(line[1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("experiment", nargs="?", default="experiments/quickstart.yaml")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--flag", action="append", default=[], help="of `snnmm fit`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = measure(options.experiment, options.runs, options.flag, Path(name))
        packages = imports(options.experiment, options.flag, Path(name))
    print("| start | CPU, s | clock, s | modules |\n|---|---|---|---:|")
    for how, facts in found.items():
        cells = [spread([fact[key] for fact in facts]) for key in ("cpu", "clock")]
        print(f"| {how} | {' | '.join(cells)} | {facts[0]['modules']} |")
    total = sum(packages.values())
    print(f"\nimports, with what it takes to time them: {total / 1e6:.2f} s; of these")
    print("\n".join(f"{name} {time / 1e6:.2f}" for name, time in packages.most_common(SHOWN)))


def spread(values: list[float]) -> str:
    """Median, and the least and most."""
    return f"{statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


if __name__ == "__main__":
    main()
