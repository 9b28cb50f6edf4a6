"""What kinds that look into one trained network share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from snn_mm.analysis.report.run_files import find_runs
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from snn_mm.config.restore import Restored

PARTS = ("test", "val", "train")


def add_run(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """The run, and where its data are."""
    add = parser.add_argument
    count = None if required else "?"
    add("run", nargs=count, type=Path, metavar="RUN", help="a run directory, or a folder above one")
    add("--split", choices=PARTS, default=PARTS[0], help=f"whose clips ({PARTS[0]})")
    add("--data.root", dest="data_root", metavar="DIR", help="where the data lie now")


def open_one(options: argparse.Namespace, device: str = "cpu") -> Restored:
    """Restore the run that was asked for.

    Args:
        options: what was typed.
        device: where the module goes.

    Raises:
        UserError: there is none, or several.
    """
    found = find_runs([options.run])
    if len(found) > 1:
        names = ", ".join(str(path) for path in found[:3])
        raise UserError(f"{options.run} holds {len(found)} runs; give one of them\n{names}")
    from snn_mm.commands.quiet import silence
    from snn_mm.config.restore import restore

    silence()
    stages = ("test",) if options.split == "test" else ("fit", "test")
    return restore(found[0], device, options.data_root, stages)


def figures_folder(options: argparse.Namespace, restored: Restored) -> Path:
    """The folder that was asked for, else that of the run's figures; made if it is missing."""
    folder: Path = options.out or restored.run.figures
    folder.mkdir(parents=True, exist_ok=True)
    return folder
