"""The same sweep for others to run: plain commands, a SLURM array, a W&B sweep."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from snn_mm.config.tree import read_entries
from snn_mm.config.trust.packages import as_flags
from snn_mm.errors import UserError
from snn_mm.run.directory import OVER
from snn_mm.sweep.cells import Sweep, SweepCell
from snn_mm.sweep.definition import config_files

CELL = "--cell"
"""The option of `snnmm sweep` that trains one run of it."""

SBATCH = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --output={folder}/slurm-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
# SIGUSR1 before the time limit lets the run queue itself again; it goes on with the next batch.
#SBATCH --signal=SIGUSR1@90
#SBATCH --nodes=1 --ntasks-per-node=1 --cpus-per-task=4
# Several GPUs a run: as many tasks a node, and --trainer.devices and --trainer.strategy ddp.
# Yours to choose: #SBATCH --time=04:00:00 --gres=gpu:1 --partition=...
#
# Submit from the folder where the sweep was printed: mkdir -p {folder} && sbatch THIS_FILE
# One index per run; finished runs are left alone, others go on where they stopped.
set -eu

case "${{SLURM_ARRAY_TASK_ID:-none}}" in
{cases}
  *) echo "no run with index ${{SLURM_ARRAY_TASK_ID:-none}}" >&2; exit 2 ;;
esac

results={folder}/"$id"/results.json
if grep -Eqs '^  "status": "({over})"' "$results"; then
  echo "$id is over"
  exit 0
fi
if [ -e "$results" ]; then
  start=(--resume {folder}/"$id")
fi
exec srun snnmm fit "${{start[@]}}"{trust}
"""


def to_commands(cells: list[SweepCell]) -> str:
    """One command line per run, for a shell or a list of jobs."""
    return "".join(f"{shlex.join(['snnmm', *cell.start, *as_flags()])}\n" for cell in cells)


def to_sbatch(sweep: Sweep, cells: list[SweepCell]) -> str:
    """A SLURM array script with one index per run, which may be requeued and submitted again."""
    cases = [
        f"  {index}) id={shlex.quote(cell.run.run_id)}; start=({shlex.join(cell.start[1:])}) ;;"
        for index, cell in enumerate(cells)
    ]
    folder = shlex.quote(str(sweep.folder))
    name = shlex.quote(sweep.name)
    return SBATCH.format(
        name=name,
        last=len(cells) - 1,
        folder=folder,
        cases="\n".join(cases),
        over="|".join(OVER),
        trust="".join(f" {flag}" for flag in as_flags()),
    )


def to_wandb(sweep: Sweep, words: Sequence[str], wandb_config: Path | None) -> str:
    """A W&B sweep file: `wandb sweep FILE` registers it, agents run it anywhere.

    An agent passes a value of each axis to `--cell` of the same sweep: W&B's own flags could not
    set what a row sets, cross files or give one seed to two keys.

    Args:
        sweep: the sweep.
        words: arguments of `snnmm` that make it.
        wandb_config: config that adds the W&B logger, unless a config of the sweep has its name.
    """
    configs: list[str] = []
    if wandb_config is not None and wandb_config.name not in {f.name for f in config_files(sweep)}:
        configs.append(f"--config={wandb_config}")
    call = [*words[:2], *configs, *words[2:], CELL, "${args_no_hyphens}"]
    content: dict[str, Any] = {
        "name": sweep.name,
        "program": "snnmm",
        "command": ["${env}", "${program}", *call],
        "method": "grid",
        "metric": monitored(sweep),
        "parameters": {
            axis.key: {"values": [plain(value) for value in axis.values]}
            for axis in sweep.labelled_axes
        },
    }
    return yaml.safe_dump(content, sort_keys=False)


def pick(sweep: Sweep, words: Sequence[str]) -> SweepCell:
    """The run that an agent of W&B is told to train.

    Args:
        sweep: the sweep.
        words: `KEY=VALUE` for each axis that run ids tell.

    Raises:
        UserError: there is no such run.
    """
    given = {key: plain(value) for key, _, value in (word.partition("=") for word in words)}
    for cell, values in zip(sweep.cells(), sweep.choices):
        if given == {axis.key: plain(value) for axis, value in sweep.told(values)}:
            return cell
    accepted = "\n".join(f"  {axis.key}={'|'.join(axis.values)}" for axis in sweep.labelled_axes)
    raise UserError(
        f"{CELL} {shlex.join(words)}: no such run; accepted is one of each:\n{accepted}"
    )


def monitored(sweep: Sweep) -> dict[str, str]:
    """What decides which checkpoint of a run is best, and whether more of it is better."""
    entries = read_entries(config_files(sweep), list(sweep.flags))
    given = {entry.path[-1]: entry.value for entry in entries if entry.path[:1] == ("checkpoint",)}
    goal = "minimize" if given.get("mode") == "min" else "maximize"
    return {"name": str(given.get("monitor", "val/accuracy/fused")), "goal": goal}


def plain(value: str) -> int | float | str:
    """A number as one, so that W&B can draw it; the rest as it would be typed.

    W&B would pass true, false, null and lists in Python's words, which no axis has.
    """
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
