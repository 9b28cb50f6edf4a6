"""Turns what went wrong into the few lines a user needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from jsonargparse._common import ImportDenied
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from snn_mm.config.class_names import OWN_PACKAGES
from snn_mm.config.explain import explain
from snn_mm.config.options import Command
from snn_mm.config.parser import ParserError
from snn_mm.config.values import missing_path, own_failure, refused_value
from snn_mm.errors import UserError
from snn_mm.run.replace import DISK_ERRORS, unwritable

MAX_LINES = 5

WORKER_ENDS = {
    "Killed": "the system ended it, most often for want of memory",
    "Bus error": "shared memory (/dev/shm) is full, or a file that was mapped became shorter",
    "Segmentation fault": "a library crashed: most often one that decodes, on a damaged file",
}
"""What the signals that end a data-loading worker mean."""


def user_message(error: BaseException, command: Command | None) -> str | None:
    """The message of a user's mistake in at most five lines; None if the error is a bug."""
    chain = list(error_chain(error))
    for cause in chain:
        if isinstance(cause, UserError):
            return shorten(bare_message(str(cause)))
    said = [message for cause in chain if (message := what_was_said(cause, command))]
    if said:
        cause = chain[-1]
        is_broken = isinstance(cause, ImportError) and not isinstance(cause, ImportDenied)
        built = _class_to_build(chain) if is_broken else ""
        return shorten(f"{built}{said[0]}")
    if command is not None and isinstance(error, OSError) and error.filename is not None:
        return shorten(missing_path(error, command.entries))
    if command is not None and (refused := refused_value(chain[-1], command.entries)):
        return shorten(refused)
    own = next(filter(None, map(own_failure, chain)), None)
    return None if own is None else shorten(f"{_class_to_build(chain)}{own}")


def what_was_said(cause: BaseException, command: Command | None) -> str | None:
    """What a library says that has a word for a user's mistake; None of any other error."""
    if isinstance(cause, ParserError) and command is not None:
        return explain(str(cause), command.entries)
    if isinstance(cause, MisconfigurationException):
        return str(cause)
    if isinstance(cause, RuntimeError):
        return lost_process(cause)
    if isinstance(cause, OSError) and cause.errno in DISK_ERRORS:
        return unwritable(Path(cause.filename) if cause.filename else None, cause)
    if type(cause).__module__.partition(".")[0] == "wandb":  # such as an unknown entity
        return f"W&B: {cause}\nin trainer.logger; WANDB_MODE=offline needs no server"
    if isinstance(cause, ImportError) and not (cause.name or "").startswith(OWN_PACKAGES):
        return str(cause)
    return None


def _class_to_build(chain: list[BaseException]) -> str:
    """The class of the config that could not be built, followed by a colon; empty if none."""
    found = [re.search(r"Problem with given class_path '([^']+)'", str(cause)) for cause in chain]
    names = [match[1] for match in found if match]
    return f"{names[-1]}: " if names else ""


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, outermost first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def bare_message(message: str) -> str:
    """A message without the traceback that a data-loading worker wraps around it."""
    if "Original Traceback" not in message:
        return message
    return message.rsplit("UserError: ", 1)[-1].strip()


def lost_process(error: RuntimeError) -> str | None:
    """What torch says of a process that is gone, for a user; None if it says something else.

    A data module may have noted which file had changed under a worker.
    """
    message = str(error)
    if message.startswith("DataLoader worker (pid"):
        told = str(error.__cause__ or error).splitlines()[0].partition(". ")[0].rstrip(". ")
        usual = WORKER_ENDS.get(told.rpartition("signal: ")[2], WORKER_ENDS["Killed"])
        return (
            f"{told}\n{getattr(error, '__notes__', [usual])[0]}\n"
            "--data.loader.num_workers with fewer, or 0, which prepares batches in the main process"
        )
    if "Connection closed by peer" in message:
        return "another rank has ended; what it says is the reason"
    if re.search(
        "Timed out waiting|timeout caused pair closure|collective operation timeout", message
    ):
        return (
            "waited in vain for another rank: it hangs, or does something else, as where ranks\n"
            "have different numbers of batches; how long to wait: --run.rank_timeout_minutes"
        )
    return None


def shorten(message: str) -> str:
    """At most five lines."""
    return "\n".join(message.strip().splitlines()[:MAX_LINES])
