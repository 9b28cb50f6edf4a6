"""Really imports the heavy packages, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from snn_mm.commands.checks.result import Check, fail, ok

IMPORTED = (
    "torch",
    "torchaudio",
    "torchvision",
    "spikingjelly.activation_based.neuron",
    "lightning",
    "wandb",
)
TIMEOUT_SECONDS = 300

_PROGRAM = """\
import importlib, sys
from importlib import metadata
name = sys.argv[1]
importlib.import_module(name)
print(metadata.version(name.split(".")[0]))
"""


def check_imports(modules: tuple[str, ...] = IMPORTED) -> Iterator[Check]:
    """Import each module in a child process; what fails there cannot take the report with it."""
    for module in modules:
        yield import_in_child(module)


def import_in_child(module: str, timeout: float = TIMEOUT_SECONDS) -> Check:
    """Import one module in a child process.

    Args:
        module: what to import.
        timeout: seconds to wait for it.

    Returns:
        The version, or the last line of the error, and the time it took.
    """
    start = time.perf_counter()
    command = [sys.executable, "-c", _PROGRAM, module]
    name = f"import {module.split('.')[0]}"
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return fail(name, f"no answer in {timeout:.0f} s")
    seconds = f"{time.perf_counter() - start:.1f} s"
    if child.returncode:
        lines = child.stderr.strip().splitlines() or [f"ended by signal {-child.returncode}"]
        return fail(name, f"{lines[-1]} ({seconds})")
    return ok(name, f"{child.stdout.split()[-1]} ({seconds})")
