"""The outcome of one check."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import NamedTuple


class Status(StrEnum):
    """How a check ended; only FAIL makes `snnmm doctor` exit with 1."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    FAIL = "FAIL"


class Check(NamedTuple):
    """One line of the report: what was looked at, how it ended, what was found."""

    status: Status
    name: str
    detail: str


ok = partial(Check, Status.OK)  # as it should be
info = partial(Check, Status.INFO)  # neither good nor bad
warn = partial(Check, Status.WARN)  # works now, and may not be what the user wants
fail = partial(Check, Status.FAIL)  # will not work; said with its remedy
