"""What `snnmm --help` says, and which module answers each command."""

from __future__ import annotations

from typing import NamedTuple


class Subcommand(NamedTuple):
    """One command.

    Attributes:
        summary: its line in the help.
        module: of this package; its `run(argv)` gets what was typed after `snnmm`, the command
            first, returns the exit code, and raises `UserError` for a mistake in what was typed,
            in a config or in the data.
    """

    summary: str
    module: str


COMMANDS = {
    "prepare": Subcommand("make a data set ready for training", "prepare"),
    "extract": Subcommand("make features of your own clips", "extract"),
    "features": Subcommand("run a pre-trained network over your videos", "features"),
    "fit": Subcommand("train, then test the best checkpoint", "train"),
    "validate": Subcommand("measure a checkpoint on the validation set", "train"),
    "test": Subcommand("measure a checkpoint on the test set", "train"),
    "predict": Subcommand("what a run says of your files, or of its test set", "predict"),
    "live": Subcommand("decide while the input comes in", "live"),
    "list": Subcommand(
        "show experiments, models, neurons, data; or one KEY's parameters",
        "listing",
    ),
    "sweep": Subcommand("train a grid of settings and seeds, then report", "sweep"),
    "report": Subcommand("compare runs: tables, curves, energy", "report"),
    "analyse": Subcommand("the papers' analyses: cost, coefficient, gain, ...", "analyse"),
    "explain": Subcommand("why a network decided so: a page of one sample", "explain"),
    "export": Subcommand("write a network as ONNX, pt2 or NIR, and prove it", "export"),
    "demo": Subcommand("a page on this machine to try a run in", "demo"),
    "bench": Subcommand("time an experiment's training step on this machine", "bench"),
    "doctor": Subcommand("check versions, devices and data", "doctor"),
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
