"""Which directory a command writes to, the same on every rank."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory
from snn_mm.run.lock import RunLock

if TYPE_CHECKING:
    from torch.distributed import TCPStore

DIRECTORY_VARIABLE = "SNN_MM_RUN_DIR"
"""Tells the ranks that Lightning launches which directory the first one chose."""

STORE_PREFIX = "snn_mm/"
"""What keys of this project begin with in a store of torchrun."""

LONGEST_NAME = 200
"""Bytes of a name: file systems take 255, and names are part of others."""


def new_run(root: Path, experiment: str, run_id: str | None, seed: object) -> RunDirectory:
    """Choose the directory of a run that starts, without creating it.

    Args:
        root: where all experiments lie.
        experiment: name of the experiment.
        run_id: the id the user asked for; without it, that of the SLURM job (so that a requeued job
            finds its run again), else one made of time, seed and a random suffix.
        seed: seed of the run, part of a made-up id.

    Raises:
        UserError: a name is no plain folder name, or the id asked for is taken.
    """
    check_root("--run.root", root)
    for key, name in (("--run.name", experiment), ("--run.id", run_id)):
        if name is not None:
            check_folder_name(key, name)
    if launched := launched_run(os.environ):
        return launched
    folder = root.resolve() / experiment
    if run_id is not None:
        run = RunDirectory(folder / run_id)
        if run.results.is_file() and not was_restarted(os.environ):
            raise UserError(
                f"run {run.path} exists already\n"
                f"continue it with --resume {run.path}, or choose another --run.id"
            )
        return run
    if "SLURM_JOB_ID" in os.environ:
        return _slurm_run(folder, seed, os.environ)
    return RunDirectory(folder / agree_on("run_id", _fresh_id(seed)))


def check_folder_name(key: str, name: str) -> None:
    """Refuse what no folder of runs may be called.

    Raises:
        UserError: it is hidden, has a line break or is too long, for example.
    """
    if not name or name.startswith(".") or "/" in name or not name.isprintable():
        raise UserError(f"{key} {name!r} is no plain folder name")
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise UserError(
            f"{key} {name[:40]}... has {len(os.fsencode(name))} bytes; accepted: {LONGEST_NAME}"
        )


def check_root(key: str, root: Path) -> None:
    """Refuse a folder for all runs whose path has a line break or another control character.

    Raises:
        UserError: it has.
    """
    if not str(root).isprintable():
        raise UserError(f"{key} {str(root)!r} has a character that can't be printed")


def launched_run(environment: Mapping[str, str]) -> RunDirectory | None:
    """The first rank's directory, if Lightning's own launcher started this process for another."""
    if environment.get("LOCAL_RANK", "0") == "0" or DIRECTORY_VARIABLE not in environment:
        return None
    return RunDirectory(Path(environment[DIRECTORY_VARIABLE]))


def was_restarted(environment: Mapping[str, str]) -> bool:
    """Whether torchrun has started this process again, or SLURM its job, after an earlier one."""
    counts = ("TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT")
    return any(int(environment.get(name, "0")) > 0 for name in counts)


def agree_on(name: str, proposal: str) -> str:
    """Rank 0's first proposal for a name, on every rank that torchrun started; elsewhere its own.

    The ranks have no process group yet, but torchrun's own store is up. It outlives the ranks that
    torchrun starts again after a failure, which so find what was agreed on before.
    """
    store = agent_store()
    if store is None:
        return proposal
    key = f"{STORE_PREFIX}{name}"
    if os.environ["RANK"] == "0":
        store.compare_set(key, "", proposal)
    return str(store.get(key).decode())


def agent_store() -> TCPStore | None:
    """The store of torchrun, if that has started this process."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    from torch.distributed import TCPStore

    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return TCPStore(host, port, is_master=False, timeout=timedelta(minutes=5))


def forget_groups() -> None:
    """Remove what ranks that torchrun has started again have in its store of those before them.

    Torch takes the store for a new one, which it is not (2.14): gloo would look for the dead.
    """
    store = agent_store()
    if store is not None and os.environ["RANK"] == "0" and was_restarted(os.environ):
        for key in store.list_keys():
            if not key.startswith(STORE_PREFIX):
                store.delete_key(key)


def _fresh_id(seed: object) -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-s{seed}-{secrets.token_hex(3)}"


def _slurm_run(folder: Path, seed: object, environment: Mapping[str, str]) -> RunDirectory:
    """One run per job, job step and seed.

    The tasks of one `srun` share their step, so an existing directory is this run's own, from
    another rank or from before a requeue. Without `srun`, several commands of one job look alike:
    then only a requeued job takes an unfinished run up again.
    """
    step = environment.get("SLURM_STEP_ID")
    base = f"slurm{environment['SLURM_JOB_ID']}" + (f".{step}" if step else "") + f"-s{seed}"
    run, number = RunDirectory(folder / base), 1
    requeued = int(environment.get("SLURM_RESTART_COUNT", "0")) > 0
    while not step and run.path.exists() and not (requeued and run.is_unfinished()):
        number += 1
        run = RunDirectory(folder / f"{base}-{number}")
    return run


def newest_unfinished(root: Path, experiment: str) -> RunDirectory | None:
    """The run of an experiment that was started last and neither finished nor goes on, if any."""
    if launched := launched_run(os.environ):
        return launched if launched.is_unfinished() else None
    runs = [RunDirectory(path.resolve()) for path in (root / experiment).glob("*/")]
    waiting = [run for run in runs if run.is_unfinished() and RunLock(run).is_free()]
    return max(waiting, key=lambda run: run.config.stat().st_mtime, default=None)
