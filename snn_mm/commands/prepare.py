"""`snnmm prepare NAME --source DIR`: makes a data set ready for training; needs no torch."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.store.registry import DATA_SETS, Finder, load_finder
from snn_mm.analysis.report.wording import duration
from snn_mm.commands import processing
from snn_mm.commands.processing import print_fact
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from datamodules.store.engine import Preparation
    from datamodules.store.store import ClipStore

USAGE = "snnmm prepare NAME --source DIR [--lists DIR] [--root DIR] [OPTIONS]"
EPILOG = """\
Interrupted, the same command goes on where it was. Clips that can't be read are left out and
listed in unreadable.tsv beside the prepared data.

  snnmm prepare crema_d --source CREMA-D --lists OGM-GE_CVPR2022/data/CREMAD
  snnmm prepare kinetics_sounds --source kinetics --lists OGM-GE_CVPR2022/data/KineticSound
  snnmm prepare urbansound8k_av --source UrbanSound8K-AV
  snnmm prepare ave --source AVE_Dataset"""


def run(argv: list[str]) -> int:
    """Decode what is missing; too many unreadable clips are refused."""
    options = _parser().parse_args(argv[1:])
    if options.name is None:
        print(f"usage: {USAGE}\n\n{_names()}")
        return 0
    finder = load_finder(options.name)
    _check(options, finder)
    begin = time.monotonic()
    outcome = _prepare(options, finder)
    _show(options.name, outcome.store)
    print_fact("time", f"{duration(time.monotonic() - begin)}, {outcome.decoded} clips decoded")
    root = "" if options.root == Path("data") else f" --data.root {options.root}"
    experiment = DATA_SETS[options.name].experiment
    print_fact("next", f"snnmm fit --config experiments/{experiment}.yaml{root}")
    return 0


def _prepare(options: argparse.Namespace, finder: Finder) -> Preparation:
    """Find and decode the clips."""
    # Imported here, so that help and mistakes answer at once.
    from datamodules.store.clip import DecodeOptions
    from datamodules.store.engine import PrepareRequest, prepare

    decoding = DecodeOptions(options.frames_per_second)
    with processing.notes_as_lines():
        clips = finder.find_clips(options.source, options.lists)
    print(f"{len(clips)} clips found in {options.source}", flush=True)
    request = PrepareRequest(
        clips,
        finder.CLASS_NAMES,
        options.root / "prepared" / options.name,
        decoding,
        processing.processing_options(options),
        options.update,
    )
    with processing.notes_as_lines(), processing.ClipProgress() as progress:
        return prepare(request, progress)


def _show(name: str, store: ClipStore) -> None:
    """Print what the store holds, a line a fact."""
    parts = Counter(part or "in no list" for part in store.parts)
    found = ", ".join(f"{count} {part}" for part, count in sorted(parts.items(), reverse=True))
    print_fact(name, f"{len(store)} clips ({found}), {len(store.class_names)} classes")
    processing.print_unreadable(store.unreadable, store.directory, "; --update tries again")
    processing.print_store(store.directory, store.fingerprint)


def _check(options: argparse.Namespace, finder: Finder) -> None:
    """Refuse a source or lists that are not there, and numbers out of range."""
    if options.source is None or not options.source.is_dir():
        wrong = "which --source?" if options.source is None else f"--source {options.source}:"
        state = "" if options.source is None else " no such directory"
        raise UserError(f"{wrong}{state}\naccepted for {options.name}: {finder.LAYOUT}")
    processing.check_options(options, "lists")


def _names() -> str:
    lines = (f"  {name:<16} {data_set.summary}" for name, data_set in DATA_SETS.items())
    return "\n".join(["data sets:", *lines, "", EPILOG])


def _parser() -> argparse.ArgumentParser:
    description = "Prepare a data set: decode it once into what training reads at random."
    parser = processing.new_parser(USAGE, description, _names(), "clips", "prepared")
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="which data set; without it, show the names")
    add("--source", type=Path, metavar="DIR", help="the data set as its owners distribute it")
    add("--lists", type=Path, metavar="DIR", help="the official lists of training and test clips")
    add("--root", type=Path, default=Path("data"), metavar="DIR", help="where to; default: data")
    text = "frames kept of each second, at least 3 a clip; default: 1"
    add("--frames_per_second", type=float, default=1.0, metavar="X", help=text)
    text = "redo what changed, was damaged or unreadable in data that are prepared"
    add("--update", action="store_true", help=text)
    return parser
