"""What `snnmm --help` says, and which module answers each command."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """One command: its line in the help, and the module whose `run(argv)` answers it."""

    summary: str
    module: str


_TRAIN = "snn_mm.commands.train"

COMMANDS = {
    "prepare": Command("make a data set ready for training", "snn_mm.commands.prepare"),
    "extract": Command("make features of your own clips", "snn_mm.commands.extract"),
    "features": Command("run a pre-trained network over your videos", "snn_mm.commands.features"),
    "fit": Command("train, then test the best checkpoint", _TRAIN),
    "validate": Command("measure a checkpoint on the validation set", _TRAIN),
    "test": Command("measure a checkpoint on the test set", _TRAIN),
    "predict": Command("write a checkpoint's predictions", _TRAIN),
    "list": Command(
        "show experiments, models, neurons, data; or one KEY's parameters",
        "snn_mm.commands.listing",
    ),
    "sweep": Command("train a grid of settings and seeds, then report", "snn_mm.commands.sweep"),
    "report": Command("compare runs: tables, curves, energy", "snn_mm.commands.report"),
    "analyse": Command(
        "the papers' analyses: cost, coefficient, gain, ...", "snn_mm.commands.analyse"
    ),
    "doctor": Command("check versions, devices and data", "snn_mm.commands.doctor"),
}

_OVERVIEW = """\
usage: snnmm COMMAND [OPTIONS]

Train, compare and explain multimodal spiking neural networks.

commands:
{commands}

options:
  -h, --help     show this text; `snnmm COMMAND --help` shows a command's options
  -V, --version  show the version

first steps:
  snnmm doctor                                      is everything in place?
  snnmm list                                        what can I train?
  snnmm fit --config experiments/quickstart.yaml    train on two CPU cores
  snnmm list IEMFModule                             what can I change?
  snnmm fit --config experiments/quickstart.yaml --print_config"""


def overview() -> str:
    """Return the text of `snnmm --help`."""
    lines = (f"  {name:<10} {command.summary}" for name, command in COMMANDS.items())
    return _OVERVIEW.format(commands="\n".join(lines))
