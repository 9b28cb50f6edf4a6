"""Ties a W&B run to the run directory."""

from __future__ import annotations

import sys
from typing import Any

from jsonargparse import Namespace

from snn_mm.run.directory import RunDirectory


def fill_wandb_defaults(loggers: Any, run: RunDirectory) -> None:
    """Give every `WandbLogger` of a parsed config the run's directory, id, name and group.

    What the user set stays. Equal ids let W&B take a resumed run up again (`resume: allow` is what
    Lightning asks for), and runs of one experiment form a group.
    """
    defaults = {"id": run.run_id, "name": run.run_id, "group": run.experiment}
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        if not isinstance(logger, Namespace) or not logger.class_path.endswith("WandbLogger"):
            continue
        arguments = logger.init_args
        for key, value in defaults.items():
            if arguments.get(key) is None:
                arguments[key] = value
        if arguments.get("save_dir") in (None, "."):
            arguments["save_dir"] = str(run.path)


def finish_wandb() -> None:
    """Close the W&B run of this process, so that the next command does not write into it."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish()
