"""What an attempt at a run has in common with those whose state it goes on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from snn_mm.errors import UserError

DECISIVE = {"data": "data fingerprint", "ranks": "ranks"}
"""What decides where a training ends and no config tells, as `environment.json` has it."""


class Change(NamedTuple):
    """What is not as it was.

    Attributes:
        name: a key of the config, or what `DECISIVE` and `describe_versions` call it.
        was: in the attempt before.
        now: in this one.
    """

    name: str
    was: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.name} is {self.now}, but {self.was} in the run"


@dataclass
class RunAttempt:
    """One attempt at a run.

    Attributes:
        before: circumstances of the attempt that saved the state it goes on with; empty for a run
            that begins.
        force: whether it goes on although the end will be another one.
        deviations: how it and those before departed from what the run had begun with, in words.
        circumstances: its own, once they are known.
    """

    before: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    deviations: list[str] = field(default_factory=list)
    circumstances: dict[str, Any] = field(default_factory=dict)

    def begin(self, environment: Mapping[str, Any]) -> list[Change]:
        """Compare with the attempt before; returns what may, but need not, change the end.

        Args:
            environment: what `environment.json` will say of this attempt.

        Raises:
            UserError: the data or the ranks are others, which is not forced.
        """
        known = (*DECISIVE, "git", "packages", "python")
        self.circumstances = {key: environment.get(key) for key in known}
        now = self.circumstances
        self.depart(
            [
                Change(name, self.before[key], now[key])
                for key, name in DECISIVE.items()
                if None not in (self.before.get(key), now[key]) and self.before[key] != now[key]
            ]
        )
        was = describe_versions(self.before)
        mine = describe_versions(now)
        return [Change(k, was[k], mine[k]) for k in mine if k in was and was[k] != mine[k]]

    def depart(self, changes: Sequence[Change]) -> None:
        """Take what will end otherwise, if that is forced.

        Raises:
            UserError: it is not; says what was and what is.
        """
        if changes and not self.force:
            raise UserError(
                f"{listed(list(map(str, changes)))}\n"
                "the end would not be that of a run in one piece\n"
                "accepted: as it was, a new run, or --force, which goes on and marks the run"
            )
        self.note(changes)

    def note(self, changes: Sequence[Change]) -> None:
        """Remember what is not as it was."""
        self.deviations += [f"{name}: {was}, then {now}" for name, was, now in changes]


def describe_versions(environment: Mapping[str, Any]) -> dict[str, str]:
    """Commit and versions by name, of what `environment.json` says of one attempt."""
    git, packages = environment.get("git"), environment.get("packages")
    commit = {"commit": describe_commit(git)} if isinstance(git, Mapping) else {}
    python = {"python": str(environment["python"])} if environment.get("python") else {}
    return commit | python | (dict(packages) if isinstance(packages, Mapping) else {})


def describe_commit(git: Mapping[str, Any]) -> str:
    """The first characters of a commit, with a plus after uncommitted changes."""
    return str(git.get("commit", "?"))[:7] + ("+" if git.get("dirty") else "")


def listed(changes: Sequence[str]) -> str:
    """The first two of some lines, and how many there are more."""
    more = f"\nand {len(changes) - 2} more" if len(changes) > 2 else ""
    return "\n".join(changes[:2]) + more
