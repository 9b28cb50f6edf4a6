"""`snnmm bench EXPERIMENT`: what a training step of it takes on this machine, and where."""

from __future__ import annotations

import json
from typing import Any

from snn_mm.commands.bench.request import read_request
from snn_mm.commands.bench.table import describe
from snn_mm.config.keys.check import check_keys
from snn_mm.config.options import Command, read_command
from snn_mm.run.directory import write_text

HELP = """\
usage: snnmm bench EXPERIMENT [--steps 20] [--json FILE] [--config MORE.yaml ...] [--KEY VALUE ...]

Time training steps of an experiment on made-up data of the real shape: seconds by part, samples a
second, peak memory, and beside it the floor, its convolutions and linear layers alone.

options:
  --steps N        steps that are measured (20)
  --warmup N       steps before them (3)
  --real-data      read the data instead of making some up
  --data-only      load real data with 0, 2 and 4 workers instead, and say whether an H100 would
                   wait for them
  --seconds N      how long for each (3)
  --json FILE      write the result, too

Every key of the config is a flag, as of `snnmm fit`:
  snnmm bench iemf_cremad --steps 5 --data.loader.batch_size 8 --trainer.precision bf16-mixed
  snnmm bench quickstart --config experiments/_base/ann.yaml

Made-up sequences are as long as the longest of the data may be; of classes that come in tasks the
steps are those of the first. What callbacks hook into a forward pass counts as forward. Memory is
that of the process at its highest on a CPU, that of tensors on a GPU. A GPU works behind the
program: there twice the steps are measured, each second one without a look at its parts."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm`, `bench` first.

    Returns:
        The exit code.

    Raises:
        UserError: a mistake in what was typed, in a config or in the data.
    """
    if {"-h", "--help"} & set(argv[1:]):
        print(HELP)
        return 0
    request = read_request(argv[1:])
    command = read_command(["fit", f"--config={request.config}", *request.flags])
    check_keys(command)
    from snn_mm.commands.bench.data import describe_data, measure_data
    from snn_mm.commands.bench.measure import measure
    from snn_mm.commands.stages import execute

    found: list[dict[str, Any]] = []

    def steps(_: Command) -> None:
        found.append(measure_data(request) if request.data_only else measure(request))

    code = execute(command, steps)
    for result in found:
        print(describe_data(result) if request.data_only else describe(result))
        if request.json is not None:
            request.json.parent.mkdir(parents=True, exist_ok=True)
            write_text(request.json, json.dumps(result, indent=2) + "\n")
    return code
