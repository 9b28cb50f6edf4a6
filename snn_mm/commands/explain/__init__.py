"""`snnmm explain --run RUN`: why a trained network decided as it did, as one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from snn_mm.commands.analyse.runs import PARTS, add_data_root
from snn_mm.commands.explain.files import (
    class_names,
    file_name,
    for_a_reader,
    read_files,
    write_page,
)
from snn_mm.errors import UserError, check_range
from snn_mm.run.imports import heavy_imports
from snn_mm.run.links import refuse_link

DESCRIPTION = """\
One page of one sample, without a script or another host: the inputs on a time axis with integrated
gradients, evidence by modality and step, attention, spikes, energy, the Shapley value of each
modality, and what changes without it. Pictures lie beside it."""

EXAMPLE = "snnmm explain clip.mp4 --run runs/quickstart/RUN"
FOLDER = "explanations"


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm`, `explain` first.

    Returns:
        The exit code.

    Raises:
        UserError: no such run or sample, or a network that nothing can be said of.
    """
    options = _parser().parse_args(argv[1:])
    if options.points is not None:
        check_range("--points", options.points, 1)
    if options.files and options.sample is not None:
        raise UserError("--sample names one of the data; give it or a file")
    with heavy_imports():
        from snn_mm.analysis.explanation.asked import take_sample
        from snn_mm.analysis.explanation.page import SamplePage
        from snn_mm.commands.quiet import silence
        from snn_mm.config.restore import restore

    silence()
    stages: tuple[str, ...] = ("test",) if options.split == "test" else ("fit", "test")
    if options.files:
        stages = ()
    module, data, directory = restore(
        options.ckpt_path or options.run, "cpu", options.data_root, stages
    )
    if options.files:
        sample = read_files(data, options.files)
    else:
        sample = take_sample(data, options.sample, options.split)
    names = class_names(data, bool(options.files))
    known = for_a_reader(data, sample)
    told = SamplePage(module, sample, names, not options.files, options.points, **known)
    page = told.write(directory.path.name)
    name = file_name(sample["id"][0])
    if options.out is None:
        refuse_link(directory.path / FOLDER)
    folder = options.out or directory.path / FOLDER / name
    for file in write_page(folder, page.html, page.pictures):
        print(file)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "snnmm explain",
        description=DESCRIPTION,
        epilog=f"example:\n  {EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="a raw file, or MODALITY=FILE of each")
    add("--run", type=Path, required=True, metavar="RUN", help="a run directory, or a checkpoint")
    add("--ckpt_path", type=Path, metavar="P", help="another checkpoint of the run")
    add("--sample", metavar="ID", help="which sample (the first)")
    add("--split", choices=PARTS, default=PARTS[0], help=f"of which part ({PARTS[0]})")
    add("--points", type=int, metavar="N", help="of the integral (32; 8 of large spiking networks)")
    add("--out", type=Path, metavar="DIR", help=f"where to write (`{FOLDER}/ID` of the run)")
    add_data_root(parser)
    return parser
