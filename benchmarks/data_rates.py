"""Time how fast each data set is loaded, against what an H100 would take, with `snnmm bench`.

    python benchmarks/data_rates.py [--seconds 2] [--only NAME ...] [--note TEXT] [--folder DIR]
    python benchmarks/data_rates.py --show

The data are made up but lie on disk as the real ones do (`data_files.py`), few enough to stay in
the system's page cache: what is timed is reading and making batches, not the disk. With `--folder`
they stay there for the next run. Results go to `benchmarks/results/loading/<processor>.json`.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from data_files import MAKERS

RESULTS = Path(__file__).parent / "results" / "loading"
BATCHES = {"iemf_avqa": 16, "avqa_grounding": 16}
"""Where those of the experiment would take gigabytes of shared memory."""


def measure(name: str, seconds: float, folder: Path) -> Any:
    """What `snnmm bench --data-only` says of an experiment's data; it is printed, too."""
    root, file = folder / name, folder / f"{name}.json"
    if not root.exists():
        root.mkdir(parents=True)
        MAKERS[name](root)
    batch = [f"--data.loader.batch_size={BATCHES[name]}"] if name in BATCHES else []
    command = [sys.executable, "-m", "snn_mm", "bench", name, "--data-only", f"--data.root={root}"]
    subprocess.run([*command, f"--seconds={seconds}", *batch, f"--json={file}"], check=True)  # noqa: S603
    found = json.loads(file.read_text())
    found["flags"] = batch  # without the folder
    return found


def keep(result: Any, note: str) -> None:
    """Write a result beside those of the same processor."""
    processor = result["machine"]["processor"]
    file = RESULTS / f"{re.sub(r'[^a-z0-9]+', '-', processor.lower()).strip('-')}.json"
    held = json.loads(file.read_text()) if file.exists() else {}
    held[result["experiment"]] = {**result, "note": note}
    RESULTS.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(held, indent=1) + "\n")


def table() -> str:
    """All results as a Markdown table, a row for each machine and experiment."""
    head = [
        "| data | of | on | MB a sample | CPU ms a sample: 0 workers | a worker, the trainer "
        "| samples a second: 0, 2, 4 workers | an H100 takes | starves with | fed by |",
        "|---|---|---|---:|---:|---|---|---:|---|---:|",
    ]
    rows = [
        row(file.stem, found)
        for file in sorted(RESULTS.glob("*.json"))
        for found in json.loads(file.read_text()).values()
    ]
    return "\n".join([*head, *sorted(rows)])


def row(machine: str, found: Any) -> str:
    """The cells of one result."""
    rates = found["workers"]
    alone, two = rates["0"], rates["2"]
    starving = [n for n, rate in rates.items() if rate["starves"]]
    cells = [
        found["data"],
        found["experiment"],
        machine + (f" ({found['note']})" if found["note"] else ""),
        f"{found['bytes_per_sample'] / 1e6:.3g}",
        f"{1e3 * alone['trainer_cpu_seconds']:.3g}",
        f"{1e3 * two['worker_cpu_seconds']:.3g}, {1e3 * two['trainer_cpu_seconds']:.3g}",
        ", ".join(f"{rate['per_second']:.3g}" for rate in rates.values()),
        f"{found['needed_per_second']:.4g}",
        ", ".join(starving) or "none",
        fed_by(two, found["needed_per_second"]),
    ]
    return f"| {' | '.join(cells)} |"


def fed_by(rate: dict[str, float], needed: float) -> str:
    """How many workers on idle cores would keep up; none do if the trainer itself is too slow."""
    if rate["trainer_cpu_seconds"] * needed > 1:
        return "no number"
    return str(math.ceil(rate["worker_cpu_seconds"] * needed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", nargs="+", choices=list(MAKERS), default=list(MAKERS))
    parser.add_argument("--note", default="", help="what else to know, such as: shared machine")
    parser.add_argument("--folder", type=Path, help="where data stay for the next run")
    parser.add_argument("--show", action="store_true", help="print what was measured, and stop")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for name in [] if options.show else options.only:
            keep(measure(name, options.seconds, options.folder or Path(temporary)), options.note)
    print(table())


if __name__ == "__main__":
    main()
