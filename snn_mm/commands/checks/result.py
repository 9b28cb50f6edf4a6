"""The outcome of one check."""

from __future__ import annotations

from enum import StrEnum
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


def ok(name: str, detail: str) -> Check:
    """Report that something is as it should be."""
    return Check(Status.OK, name, detail)


def info(name: str, detail: str) -> Check:
    """Report a fact that is neither good nor bad."""
    return Check(Status.INFO, name, detail)


def warn(name: str, detail: str) -> Check:
    """Report what works now and may not be what the user wants."""
    return Check(Status.WARN, name, detail)


def fail(name: str, detail: str) -> Check:
    """Report what will not work, with its remedy."""
    return Check(Status.FAIL, name, detail)
