"""All that is to be known of a GPU, within a time, into one JSON file; see `benchmarks/gpu.sh`.

    python benchmarks/gpu_day.py [--seconds 600] [--output FILE] [--parts tests lif experiments]

Each part has a share of the time and processes of its own, which are ended when it is over; those
of the experiments are forks of one that has imported everything and touched no device. The
file is written after every measurement, so that whatever was measured is kept. Without a GPU every
part runs on the CPU in its smallest form: a rehearsal, whose numbers say nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snn_mm.cli import main as main_of_snnmm
from snn_mm.commands.sweep import WARM
from snn_mm.sweep.launch import Child, ForkStart, Launch

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "gpu"
SHARES = {"tests": 0.45, "lif": 0.6, "experiments": 0.97}
"""By what share of the time each part must be over; what one leaves over is the next one's."""
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
EXPERIMENTS = ("iemf_cremad", "sgmt_sims", "quickstart", "iemf_ave_ci", "iemf_avqa", "ead_digits")
TESTS = (
    "test_lif.py",
    "test_modulations.py",
    "test_training.py",
    "test_waiting.py",
    "test_compile.py",
)
SHORTEST = 10.0
"""Seconds below which no process is worth its start."""


@dataclass
class Day:
    """What was measured, and the time there is for the rest.

    Attributes:
        seconds: the time of all parts.
        output: the file.
        small: whether this is a rehearsal on a CPU.
        found: what is written.
    """

    seconds: float
    output: Path
    small: bool
    found: dict[str, Any] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    def left(self, part: str) -> float:
        """Seconds that a part may still take."""
        return self.start + SHARES[part] * self.seconds - time.monotonic()

    def write(self) -> None:
        """Write what there is, whole or not at all."""
        self.found["took_seconds"] = round(time.monotonic() - self.start, 1)
        self.output.parent.mkdir(parents=True, exist_ok=True)
        part = self.output.with_suffix(".part")
        part.write_text(json.dumps(self.found, indent=1) + "\n")
        part.replace(self.output)

    def call(self, part: str, command: list[str], **environment: str) -> str | None:
        """Run a Python program as long as the part may; what went wrong, or None."""
        left = self.left(part)
        if left < SHORTEST:
            return "no time left"
        environment = {**os.environ, **environment}
        program = [sys.executable, "-P", *command]
        return ended(subprocess.Popen(program, cwd=ROOT, env=environment), left)  # noqa: S603


def machine() -> dict[str, Any]:
    """The device and what runs on it, asked of a process of its own: this one starts no CUDA."""
    code = (
        "import json, sys, importlib.metadata as m, torch;"
        "there = torch.cuda.is_available();"
        "p = torch.cuda.get_device_properties(0) if there else None;"
        "print(json.dumps({'device': p.name if there else 'cpu',"
        "'memory_bytes': p.total_memory if there else None,"
        "'capability': [p.major, p.minor] if there else None,"
        "'torch': torch.__version__, 'cuda': torch.version.cuda,"
        "'cudnn': torch.backends.cudnn.version() if there else None,"
        "**{n: m.version(n) for n in ('spikingjelly', 'lightning', 'triton')"
        " if any(True for d in m.distributions(name=n))},"
        "'python': sys.version.split()[0], 'threads': torch.get_num_threads()}))"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{sys.executable} can't be used:\n{done.stderr.strip()[-2000:]}")
    known: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    asked = "driver_version,clocks.max.sm,clocks.max.mem,power.limit"
    return {
        **known,
        "nvidia_smi": ask("nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader"),
    }


def ask(program: str, *arguments: str) -> str | None:
    """The first line that a program says, if it is there."""
    found = shutil.which(program)
    if found is None:
        return None
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip().partition("\n")[0] or None


def tests(day: Day) -> dict[str, Any]:
    """Run the tests marked `cuda`, each file in a process: one may take the device down with it."""
    if importlib.util.find_spec("pytest") is None:
        return {"status": "failed", "why": "pytest is not installed"}
    chosen = "cuda and not slow" if day.small else "cuda"
    files = TESTS[:1] if day.small else TESTS
    with ThreadPoolExecutor(len(files)) as side_by_side:  # nothing is timed here
        done = side_by_side.map(lambda name: test_file(day, name, chosen), files)
        found = dict(zip(files, done))
    bad = [name for name, result in found.items() if result["why"] or result["failed"]]
    return {"status": "failed" if bad else "passed", "files": found}


def test_file(day: Day, name: str, chosen: str) -> dict[str, Any]:
    """How many tests of a file ran, and what was said of those that failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        flags = ["-q", "-p", "no:cacheprovider", "-m", chosen, f"--junitxml={report}"]
        wrong = day.call("tests", ["-m", "pytest", f"tests/cuda/{name}", *flags])
        cases = list(ET.parse(report).iter("testcase")) if report.exists() else []  # noqa: S314
    bad = {
        str(case.get("name")): (child.get("message") or "")[:500]
        for case in cases
        for child in case
        if child.tag in ("failure", "error")
    }
    return {"why": wrong, "tests": len(cases), "failed": bad}


def lif(day: Day) -> dict[str, Any]:
    """The rate of our LIF kernels, and of spikingjelly's; those are chosen when it is imported."""
    found: dict[str, Any] = {}
    for chosen in ("snn_mm",) if day.small else ("snn_mm", "auto", "cuda", "triton", "torch"):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rate.json"
            command = ["benchmarks/lif_rate.py", "--json", str(file)]
            command += ["--small"] if day.small else []
            if chosen == "snn_mm":
                wrong = day.call("lif", [*command, "--implementation=triton"])
            else:
                wrong = day.call("lif", command, SJ_LIF_CUDA_IMPLEMENTATION=chosen)
            rates = json.loads(file.read_text()) if file.exists() else {}
        found[chosen] = {**rates, **({"why": wrong} if wrong else {})}
    measured = [name for name, rates in found.items() if rates.get("rows")]
    # Kernels that this build of spikingjelly lacks are no failure; having none is one.
    return {"status": "measured" if measured else "failed", "implementations": found}


def experiments(day: Day) -> dict[str, Any]:
    """Measure the main experiments at each precision, float32 of all first."""
    rows: dict[str, Any] = {}
    pairs = [(name, precision) for precision in PRECISIONS for name in EXPERIMENTS]
    launch = ForkStart(os.environ, main_of_snnmm, [WARM])
    for name, precision in [("quickstart", PRECISIONS[0])] if day.small else pairs:
        rows[f"{name} {precision}"] = row = experiment(day, launch, name, precision)
        day.found["parts"]["experiments"] = {"status": "running", "rows": rows}
        day.write()
        print(f"{name} at {precision}: {row.get('why', 'measured')}", flush=True)
    skipped = [name for name, row in rows.items() if "why" in row]
    status = "measured" if len(skipped) < len(rows) else "failed"
    return {"status": status, "without_result": skipped, "rows": rows}


def experiment(day: Day, launch: Launch, name: str, precision: str) -> dict[str, Any]:
    """Steps of one experiment, or why there are none; in its own batches on a GPU."""
    left = day.left("experiments")
    if left < SHORTEST:
        return {"why": "no time left"}
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder) / "result.json", Path(folder) / "log.txt"
        small = ["--steps=1", "--warmup=1", "--data.loader.batch_size=2"]
        size = small if day.small else ["--steps=10"]
        on = f"--trainer.accelerator={'cpu' if day.small else 'gpu'}"
        command = ["bench", name, on, f"--trainer.precision={precision}", *size]
        with log.open("wb") as output:
            child = launch([*command, f"--json={file}"], output, os.environ)
            wrong = ended(child, left)
        print(log.read_text(errors="replace"), flush=True)
        if wrong or not file.exists():
            return {"why": wrong or "no result"}
        result: dict[str, Any] = json.loads(file.read_text())
        return result


def ended(child: Child, left: float) -> str | None:
    """Wait for a process as long as there is time; what went wrong, or None."""
    until = time.monotonic() + left
    while (code := child.poll()) is None:
        if time.monotonic() > until:
            child.send_signal(signal.SIGKILL)
            return f"ended after {left:.0f} s: no time left"
        time.sleep(0.05)
    return None if code == 0 else f"exit code {code}"


PARTS = {"tests": tests, "lif": lif, "experiments": experiments}


def main() -> int:
    """Run the parts; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=600.0, help="of all parts together")
    parser.add_argument("--output", type=Path, help="the JSON file")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    options = parser.parse_args()
    begun, on = time.monotonic(), machine()
    small = on["device"] == "cpu"
    name = re.sub(r"[^a-z0-9]+", "-", on["device"].lower()).strip("-")
    file = (options.output or RESULTS / f"{name}.json").resolve()
    commit = ask("git", "-C", str(ROOT), "rev-parse", "HEAD")
    facts = {"machine": on, "commit": commit, "rehearsal": small, "parts": {}}
    day = Day(options.seconds, file, small, facts, begun)
    for part in options.parts:
        print(f"\n== {part}: {max(day.left(part), 0):.0f} s", flush=True)
        day.found["parts"][part] = PARTS[part](day)
        day.write()
    for part, found in day.found["parts"].items():
        print(f"{part}: {found['status']}", flush=True)
    print(day.output)
    return int(day.found["parts"].get("tests", {}).get("status") == "failed")


if __name__ == "__main__":
    sys.exit(main())
