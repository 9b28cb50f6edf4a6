"""Time the main experiments on this machine with `snnmm bench`, and show machines side by side.

    python benchmarks/experiments.py [--steps 10] [--only NAME ...] [--note TEXT] [FLAGS]
    python benchmarks/experiments.py --show

FLAGS are those of `snnmm bench`, which takes those of `snnmm fit`.

Each has a process of its own, so that peak memory is its own. What was measured goes to
`benchmarks/results/<processor or GPU>.json`, with whatever stood there of other experiments.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
BATCHES = {
    "quickstart": 64,
    "ead_digits": 64,
    "sgmt_sims": 32,
    "iemf_avqa": 8,
    "iemf_ave_ci": 32,
    "iemf_cremad": 8,
}
"""Small enough for two cores and 8 GiB; the same everywhere, so that machines compare."""


def measure(name: str, steps: int, flags: list[str]) -> Any:
    """What `snnmm bench` says of an experiment; it is printed, too."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        batch = f"--data.loader.batch_size={BATCHES[name]}"
        command = [sys.executable, "-m", "snn_mm", "bench", name, f"--steps={steps}", batch]
        subprocess.run([*command, *flags, f"--json={file}"], check=True)  # noqa: S603
        return json.loads(file.read_text())


def keep(result: Any, flags: list[str], note: str) -> Path:
    """Write a result beside those of the same machine; the file."""
    file = RESULTS / file_name(result["machine"])
    held = json.loads(file.read_text()) if file.exists() else {}
    held[" ".join([result["experiment"], *flags])] = {**result, "note": note}
    save(file, held)
    return file


def save(file: Path, result: Any) -> None:
    """Write a result as JSON, a list of numbers or names on one line."""
    file.parent.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1)
    flat = re.sub(r"\[[^][{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    file.write_text(flat + "\n")


def file_name(machine: dict[str, Any]) -> str:
    """The name of the results of a machine, as `machine` of `snnmm bench` describes it."""
    on = machine["processor"] if machine["device"] == "cpu" else machine["device"]
    return f"{re.sub(r'[^a-z0-9]+', '-', on.lower()).strip('-')}.json"


def table() -> str:
    """All results as a Markdown table, a row for each machine and experiment."""
    files = sorted(RESULTS.glob("*.json"))
    rows = [(name, row(file.stem, found)) for file in files for name, found in read(file)]
    head = [
        "| experiment | on | precision | threads | batch | samples a second | step, s "
        "| step over floor | peak GiB | |",
        "|---|---|---|---:|---:|---|---:|---|---:|---|",
    ]
    return "\n".join([*head, *(f"| {name} | {text} |" for name, text in sorted(rows))])


def read(file: Path) -> list[tuple[str, Any]]:
    return list(json.loads(file.read_text()).items())


def row(machine: str, found: Any) -> str:
    """The cells of one result, behind its name."""
    on = found["machine"]
    cells = [
        machine,
        on["precision"],
        str(on["threads"]),
        str(found["batch_size"]),
        spread(found["samples_per_second"]),
        f"{found['seconds']['step']['median']:.3g}",
        spread(found["step_over_floor"]),
        f"{found['peak_bytes'] / 2**30:.2f}",
        found["note"],
    ]
    return " | ".join(cells)


def spread(values: dict[str, float]) -> str:
    median, low, high = (f"{values[key]:.3g}" for key in ("median", "low", "high"))
    return f"{median} [{low}, {high}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=list(BATCHES), default=list(BATCHES))
    parser.add_argument("--note", default="", help="what else to know, such as: shared machine")
    parser.add_argument("--show", action="store_true", help="print what was measured, and stop")
    options, flags = parser.parse_known_args()
    for name in [] if options.show else options.only:
        print(keep(measure(name, options.steps, flags), flags, options.note), flush=True)
    print(table())


if __name__ == "__main__":
    main()
