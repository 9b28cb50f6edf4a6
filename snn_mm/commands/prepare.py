"""`snnmm prepare NAME --source DIR`: makes a data set ready for training; needs no torch."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.store.registry import DATA_SETS, Finder, load_finder
from snn_mm.analysis.report.wording import duration
from snn_mm.commands.processing import (
    ClipProgress,
    add_processing_options,
    check_directories,
    check_processing,
    new_parser,
    notes_as_lines,
    processing_options,
)
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from datamodules.store.engine import Preparation

USAGE = "snnmm prepare NAME --source DIR [--lists DIR] [--root DIR] [OPTIONS]"
EPILOG = """\
Interrupted, the same command goes on where it was. Clips that can't be read are left out and
listed in unreadable.tsv beside the prepared data.

  snnmm prepare crema_d --source CREMA-D --lists OGM-GE_CVPR2022/data/CREMAD
  snnmm prepare kinetics_sounds --source kinetics --lists OGM-GE_CVPR2022/data/KineticSound
  snnmm prepare urbansound8k_av --source UrbanSound8K-AV
  snnmm prepare ave --source AVE_Dataset"""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm`, `prepare` first.

    Returns:
        The exit code.

    Raises:
        UserError: a mistake in the command or in the source, or too many unreadable clips.
    """
    options = _parser().parse_args(argv[1:])
    if options.name is None:
        print(f"usage: {USAGE}\n\n{_names()}")
        return 0
    finder = load_finder(options.name)
    _check(options, finder)
    begin = time.monotonic()
    outcome = _prepare(options, finder)
    for line in _summary(options, outcome):
        print(line)
    print(f"{'time':<12} {duration(time.monotonic() - begin)}, {outcome.decoded} clips decoded")
    print(f"{'next':<12} {_next(options)}")
    return 0


def _prepare(options: argparse.Namespace, finder: Finder) -> Preparation:
    """Find and decode the clips."""
    # Imported here, so that help and mistakes answer at once.
    from datamodules.store.clip import DecodeOptions
    from datamodules.store.engine import PrepareRequest, prepare

    decoding = DecodeOptions(options.frames_per_second)
    with notes_as_lines():
        clips = finder.find_clips(options.source, options.lists)
    print(f"{len(clips)} clips found in {options.source}", flush=True)
    directory, processing = options.root / "prepared" / options.name, processing_options(options)
    request = PrepareRequest(
        clips, finder.CLASS_NAMES, directory, decoding, processing, options.update
    )
    with notes_as_lines(), ClipProgress() as progress:
        return prepare(request, progress)


def _summary(options: argparse.Namespace, outcome: Preparation) -> Iterator[str]:
    """Yield what the store holds, a line a fact."""
    store = outcome.store
    parts = Counter(part or "in no list" for part in store.parts)
    found = ", ".join(f"{count} {part}" for part, count in sorted(parts.items(), reverse=True))
    yield f"{options.name:<12} {len(store)} clips ({found}), {len(store.class_names)} classes"
    if store.unreadable:
        listing = store.directory / "unreadable.tsv"
        yield f"{'unreadable':<12} {store.unreadable}, listed in {listing}; --update tries again"
    size = sum(file.stat().st_size for file in store.directory.iterdir())
    yield f"{'size':<12} {size / 1e6:.1f} MB in {store.directory}"
    yield f"{'fingerprint':<12} {store.fingerprint}"


def _next(options: argparse.Namespace) -> str:
    """Return the command to type next."""
    root = "" if options.root == Path("data") else f" --data.root {options.root}"
    return f"snnmm fit --config experiments/{DATA_SETS[options.name].experiment}.yaml{root}"


def _check(options: argparse.Namespace, finder: Finder) -> None:
    """Refuse a source or lists that are not there, and numbers out of range."""
    if options.source is None or not options.source.is_dir():
        wrong = "which --source?" if options.source is None else f"--source {options.source}:"
        state = "" if options.source is None else " no such directory"
        raise UserError(f"{wrong}{state}\naccepted for {options.name}: {finder.LAYOUT}")
    check_directories(options, "lists")
    check_processing(options)


def _names() -> str:
    lines = (f"  {name:<16} {data_set.summary}" for name, data_set in DATA_SETS.items())
    return "\n".join(["data sets:", *lines, "", EPILOG])


def _parser() -> argparse.ArgumentParser:
    description = "Prepare a data set: decode it once into what training reads at random."
    parser = new_parser("prepare", USAGE, description, _names())
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="which data set; without it, show the names")
    add("--source", type=Path, metavar="DIR", help="the data set as its owners distribute it")
    add("--lists", type=Path, metavar="DIR", help="the official lists of training and test clips")
    add("--root", type=Path, default=Path("data"), metavar="DIR", help="where to; default: data")
    text = "frames kept of each second, at least 3 a clip; default: 1"
    add("--frames_per_second", type=float, default=1.0, metavar="X", help=text)
    text = "redo what changed, was damaged or unreadable in data that are prepared"
    add("--update", action="store_true", help=text)
    add_processing_options(parser, "files", "processes", "prepared")
    return parser
