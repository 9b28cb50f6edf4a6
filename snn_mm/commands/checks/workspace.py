"""The working directory: data found, where runs go, and the commit that runs record."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import snn_mm
from snn_mm.commands.checks.result import Check, fail, info, ok, warn

DATA_VARIABLE = "SNN_MM_DATA"
RUNS = Path("runs")
PREPARED = "prepared"  # the folder of the caches that `datamodules.cache` writes
LOW_DISK_BYTES = 2 * 10**9  # a checkpoint of the 22 M parameter network is about 0.2 GB
COUNTED_FILES = 20_000
"""How many files of one folder are counted at most, so that ImageNet does not take a minute."""


def check_workspace() -> Iterator[Check]:
    """Look at everything in and around the working directory."""
    yield from check_data(Path("data"))
    yield from check_data_variable()
    yield check_runs(RUNS)
    yield check_commit(Path(snn_mm.__file__).parent.parent)


def check_data(folder: Path) -> Iterator[Check]:
    """List what lies in a data folder with its size, each prepared cache by itself."""
    if not folder.is_dir():
        yield info(str(folder), "not there yet: the demo makes its own data in it")
        return
    entries = [entry for entry in _visible(folder) if entry.name != PREPARED]
    entries += _visible(folder / PREPARED)
    for entry in entries:
        yield ok(str(entry), size_text(entry))
    if not entries:
        yield info(str(folder), "empty")


def _visible(folder: Path) -> list[Path]:
    """Return the entries of a folder, those left out that an interrupted build may have left."""
    entries = folder.iterdir() if folder.is_dir() else iter(())
    return sorted(entry for entry in entries if not entry.name.startswith("."))


def check_data_variable() -> Iterator[Check]:
    """Look into the directory that the environment names for real recordings."""
    value = os.environ.get(DATA_VARIABLE)
    if not value:
        yield info(DATA_VARIABLE, "not set: names the directory of real recordings")
    elif not Path(value).is_dir():
        yield fail(DATA_VARIABLE, f"{value} is not a directory")
    else:
        yield from check_data(Path(value))


def check_runs(folder: Path) -> Check:
    """See whether run directories can be written, and whether the disk has room for them."""
    existing = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return fail(str(folder), f"cannot write in {existing}")
    free = shutil.disk_usage(existing).free
    report = warn if free < LOW_DISK_BYTES else ok
    return report(str(folder), f"writable, {human(free)} free")


def check_commit(folder: Path) -> Check:
    """Name the commit of a source checkout, which runs record."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return info("commit", "git did not answer")
    if answer.returncode or not (folder / ".git").exists():
        return info("commit", f"installed package, version {snn_mm.__version__}")
    return ok("commit", answer.stdout.strip())


def size_text(path: Path) -> str:
    """Return the size of a file or folder, at least that of its first files."""
    if path.is_file():
        return human(path.stat().st_size)
    files = (file for file in path.rglob("*") if file.is_file())
    sizes = [file.stat().st_size for file in islice(files, COUNTED_FILES)]
    more = "more than " if len(sizes) == COUNTED_FILES else ""
    return f"{more}{human(sum(sizes))} in {more}{len(sizes)} files"


def human(size: float) -> str:
    """Return a size in bytes with the unit that suits it."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
