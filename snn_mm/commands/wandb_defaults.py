"""Ties a W&B logger of the config to the run directory."""

from __future__ import annotations

from typing import Any

from jsonargparse import Namespace

from snn_mm.run.directory import RunDirectory


def fill_wandb_defaults(loggers: Any, run: RunDirectory) -> None:
    """Give every `WandbLogger` of a parsed config the run's directory, id, name and group.

    What the user set stays. Equal ids let W&B take a resumed run up again (`resume: allow` is what
    Lightning asks for), and runs of one experiment form a group.
    """
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        if not isinstance(logger, Namespace) or not logger.class_path.endswith("WandbLogger"):
            continue
        arguments = logger.init_args
        for key, value in (
            ("id", run.run_id),
            ("name", run.run_id),
            ("group", run.experiment),
        ):
            if arguments.get(key) is None:
                arguments[key] = value
        if arguments.get("save_dir") in (None, "."):
            arguments["save_dir"] = str(run.path)
