"""The same sweep for others to run: plain commands, a SLURM array, a W&B sweep."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml

from snn_mm.config.tree import read_entries
from snn_mm.errors import UserError
from snn_mm.run.directory import OVER
from snn_mm.sweep.cells import Sweep, SweepCell
from snn_mm.sweep.definition import config_files

SBATCH = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --output={folder}/slurm-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
# SIGUSR1 before the time limit lets the run queue itself again; it goes on from its last epoch.
#SBATCH --signal=SIGUSR1@90
#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=4
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
exec srun snnmm fit "${{start[@]}}"
"""


def to_commands(cells: list[SweepCell]) -> str:
    """One command line per run, for a shell or a list of jobs."""
    return "".join(f"{shlex.join(['snnmm', *cell.start])}\n" for cell in cells)


def to_sbatch(sweep: Sweep, cells: list[SweepCell]) -> str:
    """A SLURM array script with one index per run, which may be requeued and submitted again."""
    cases = [
        f"  {index}) id={shlex.quote(cell.run.run_id)}; start=({shlex.join(cell.start[1:])}) ;;"
        for index, cell in enumerate(cells)
    ]
    folder = shlex.quote(str(sweep.folder))
    name = shlex.quote(sweep.name)
    return SBATCH.format(
        name=name, last=len(cells) - 1, folder=folder, cases="\n".join(cases), over="|".join(OVER)
    )


def to_wandb(sweep: Sweep, wandb_config: Path | None) -> str:
    """A W&B sweep file: `wandb sweep FILE` registers it, agents run it anywhere.

    Args:
        sweep: the sweep.
        wandb_config: config that adds the W&B logger, unless a config of the sweep has its name.

    Raises:
        UserError: this is more than W&B's grid can say.
    """
    check_for_wandb(sweep)
    configs = [f"--config={sweep.experiments[0]}"]
    if wandb_config is not None and wandb_config.name not in {f.name for f in config_files(sweep)}:
        configs.append(f"--config={wandb_config}")
    content: dict[str, Any] = {
        "name": sweep.name,
        "program": "snnmm",
        "command": ["${env}", "${program}", "fit", *configs, *sweep.common, "${args}"],
        "method": "grid",
        "metric": monitored(sweep),
        "parameters": {
            axis.keys[0]: {"values": [plain(value) for value in axis.values]} for axis in sweep.axes
        },
    }
    return yaml.safe_dump(content, sort_keys=False)


def monitored(sweep: Sweep) -> dict[str, str]:
    """What decides which checkpoint of a run is best, and whether more of it is better."""
    entries = read_entries(config_files(sweep), list(sweep.flags))
    given = {entry.path[-1]: entry.value for entry in entries if entry.path[:1] == ("checkpoint",)}
    goal = "minimize" if given.get("mode") == "min" else "maximize"
    return {"name": str(given.get("monitor", "val/accuracy/fused")), "goal": goal}


def check_for_wandb(sweep: Sweep) -> None:
    """Refuse what W&B would cross or drop: keys that share a seed, and two axes of one flag.

    Raises:
        UserError: the sweep has some of it.
    """
    rows = next((axis.label for axis in sweep.axes if axis.rows is not None), None)
    if rows is not None:
        raise UserError(
            f"--print wandb: a W&B grid can't set what a row of {rows} sets at once\n"
            "accepted: an axis of keys or files; or --print sbatch"
        )
    tied = next((axis for axis in sweep.axes if len(axis.keys) > 1), None)
    if tied is not None:
        raise UserError(
            f"--print wandb: a W&B grid can't give {' and '.join(tied.keys)} the same seed\n"
            "accepted: one of --seed-keys"
        )
    files = [axis.label for axis in sweep.labelled_axes if axis.is_files]
    if len(files) > 1 or len(sweep.experiments) > 1:
        raise UserError(
            f"--print wandb: a W&B grid can't cross the config files of {' and '.join(files)}\n"
            "accepted: one axis of files; or --print sbatch"
        )


def plain(value: str) -> int | float | str:
    """A number as one, so that W&B can draw it; the rest as it would be typed.

    W&B writes `--key=value` with Python's words for true, false, null and lists, which mean
    something else to `snnmm fit`.
    """
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
