"""Ties a W&B run to the run directory, and keeps W&B from stopping or slowing a training."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from snn_mm.run.directory import RunDirectory

DEFAULTS = {"WANDB_INIT_TIMEOUT": "30", "WANDB_FINISH_TIMEOUT": "120", "WANDB_QUIET": "true"}
"""Seconds that W&B may take to begin a run and to upload what is left at its end; no summary.

Its own limits are 90 s, and none at all. What is not uploaded stays in the run directory. The
summary is ours to print. The user's own environment wins.
"""

UNREACHABLE = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
"""Our one warning says it all, and nothing is sent to a server that does not answer."""
REACH_SECONDS = 5.0


def fill_wandb_defaults(loggers: Any, run: RunDirectory) -> None:
    """Give every `WandbLogger` of a parsed config the run's directory, id, name and group.

    What the user set stays. Equal ids let W&B take a resumed run up again (`resume: allow` is what
    Lightning asks for), and runs of one experiment form a group.
    """
    defaults = {"id": run.run_id, "name": run.run_id, "group": run.experiment}
    for arguments in wandb_arguments(loggers):
        for key, value in defaults.items():
            if arguments.get(key) is None:
                arguments[key] = value
        if arguments.get("save_dir") in (None, "."):
            arguments["save_dir"] = str(run.path)


@rank_zero_only
def prepare_wandb(loggers: Any) -> None:
    """Make a W&B run that its server would not take an offline one, with one warning.

    W&B itself would retry for minutes and then end the training, or wait for someone to type a key.
    """
    arguments = list(wandb_arguments(loggers))
    if not arguments:
        return
    set_defaults(DEFAULTS)
    for each in arguments:
        # W&B looks for the repository around this folder, and warns if there is no folder yet.
        Path(each.save_dir or ".").mkdir(parents=True, exist_ok=True)
    wanted = [each for each in arguments if asks_for_server(each)]
    problem = find_problem() if wanted else None
    if problem is not None:
        go_offline(wanted, problem)


def go_offline(arguments: list[Namespace], problem: str) -> None:
    """Record these runs offline, and say why."""
    import wandb

    wandb.teardown()  # W&B reads its environment once
    set_defaults(UNREACHABLE)
    for each in arguments:
        each["mode"] = "offline"
    folder = arguments[0].save_dir
    message = f"W&B: {problem}; recorded offline, upload later: wandb sync {folder}/wandb/offline-*"
    sys.stderr.write(f"snnmm: warning: {message}\n")


def set_defaults(variables: dict[str, str]) -> None:
    """Set environment variables that are not set."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def wandb_arguments(loggers: Any) -> Iterator[Namespace]:
    """Arguments of every `WandbLogger` of a parsed config."""
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        if isinstance(logger, Namespace) and logger.class_path.endswith("WandbLogger"):
            yield logger.init_args


def asks_for_server(arguments: Namespace) -> bool:
    """Whether a logger is neither offline nor switched off."""
    mode = arguments.get("mode") or os.environ.get("WANDB_MODE") or "online"
    switched_off = os.environ.get("WANDB_DISABLED", "").lower() in ("1", "true")
    return mode in ("online", "shared") and not arguments.get("offline") and not switched_off


def find_problem() -> str | None:
    """Why W&B's server would not take a run, in a few words; None if it would."""
    import wandb

    # `wandb offline` is remembered in a settings file.
    settings = wandb.setup().settings
    if settings.mode not in (None, "online", "shared"):
        return None
    if not is_reachable(settings.base_url):
        return f"{settings.base_url} can't be reached"
    # W&B would tell the same in lines of its own; a question for a key would go unseen, so it
    # gets one second.
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            has_key = wandb.login(verify=True, timeout=1)
        except wandb.errors.AuthenticationError:
            return f"{settings.base_url} does not accept the key (wandb login --relogin)"
        except wandb.Error:
            has_key = False
    return None if has_key else "no key (wandb login)"


def is_reachable(url: str) -> bool:
    """Whether a server answers at all, be it with an error; certificates are W&B's business."""
    try:
        urllib.request.urlopen(url, timeout=REACH_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, http.client.HTTPException):
        return False
    return True


def finish_wandb() -> None:
    """Close the W&B run of this process, so that the next command does not write into it."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish()
