"""Finds run directories and reads what they say of themselves, whatever state they are in."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from snn_mm.analysis.report.config_facts import Facts, flatten
from snn_mm.errors import UserError
from snn_mm.run.directory import DIVERGED, FINISHED

UNREADABLE = "unreadable"
MARKERS = ("config.yaml", "results.json", "environment.json", "metrics.csv", ".lock")
"""A folder that holds one of these is a run; `.lock` alone is one that died at once."""

COPY_TOLERANCE = 60.0
"""Seconds between the start a run noted and its file's date; more means that it was copied."""


@dataclass(frozen=True)
class Run:
    """One run directory as it was found.

    Attributes:
        results: `results.json`, empty if it cannot be read; `environment` likewise.
        facts: the config by dotted key.
        problems: what could not be read, and why.
    """

    path: Path
    results: dict[str, Any]
    environment: dict[str, Any]
    facts: Facts
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Experiment and id."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def status(self) -> str:
        """What `results.json` says; `unreadable` if it or the config says nothing."""
        status = self.results.get("status")
        return status if isinstance(status, str) and self.facts else UNREADABLE

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end and says so."""
        return self.status == FINISHED

    def may_count(self, unfinished: bool) -> bool:
        """Whether the run may enter a mean, if finished ones do and perhaps `unfinished` ones."""
        return self.is_finished or (unfinished and self.status != DIVERGED)

    @property
    def seed(self) -> str:
        """The seed as text, a question mark if nothing tells it."""
        seed = self.environment.get("seed", self.facts.get("seed_everything"))
        return "?" if seed is None else str(seed)

    @property
    def started(self) -> str:
        """When the last attempt started, an ISO date; empty if nothing tells it."""
        return str(self.environment.get("started", ""))

    @property
    def commit(self) -> str:
        """The first characters of the commit, with a plus after uncommitted changes."""
        git = as_dict(self.environment.get("git"))
        return str(git.get("commit", "?"))[:7] + ("+" if git.get("dirty") else "")

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Final metrics by name: of the test, of the best validation, of the last training."""
        results = self.results
        later = as_dict(as_dict(as_dict(results.get("evaluations")).get("test")).get("best.ckpt"))
        best = as_dict(as_dict(results.get("best")).get("validation"))
        merged = {**as_dict(results.get("train")), **best, **later, **as_dict(results.get("test"))}
        return {name: float(v) for name, v in merged.items() if is_number(v)}

    @property
    def seconds(self) -> float | None:
        """Training time: noted by the run, else by the dates of its files; None if unknown.

        Dates lie in a copy, and a resumed run's say nothing of its earlier attempts.
        """
        noted = self.results.get("train_seconds")
        if is_number(noted):
            return float(noted)
        try:
            begin = (self.path / "config.yaml").stat().st_mtime
            end = (self.path / "checkpoints" / "last.ckpt").stat().st_mtime
            started = datetime.fromisoformat(self.started).timestamp()
        except (OSError, ValueError):
            return None
        resumed = bool(self.environment.get("earlier_attempts"))
        copied = abs(begin - started) > COPY_TOLERANCE or end <= begin
        return None if resumed or copied else end - begin


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """Every run directory at or below the paths, each once, in alphabetical order.

    Raises:
        UserError: a path does not exist, or there is no run at all.
    """
    found: set[Path] = set()
    for path in paths:
        if not path.is_dir():
            raise UserError(f"{path} is no directory; give run directories or a folder above them")
        found.update(run.resolve() for run in _runs_below(path))
    if not found:
        places = ", ".join(map(str, paths))
        raise UserError(f"no run below {places}\na run directory holds config.yaml, results.json")
    return sorted(found)


def _runs_below(top: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(top):
        if any(marker in files for marker in MARKERS):
            subfolders.clear()  # nothing inside a run is another run
            yield Path(folder)
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]


def read_run(path: Path) -> Run:
    """Read a run directory; what cannot be read is named in its problems."""
    problems: list[str] = []
    results = read_object(path / "results.json", problems)
    environment = read_object(path / "environment.json", problems)
    facts = flatten(read_object(path / "config.yaml", problems))
    if facts and not {"model", "data"} <= facts.keys():
        problems.append("config.yaml: names no model or no data")
        facts = {}
    run = Run(path, results, environment, facts, problems)
    if run.status not in (FINISHED, UNREADABLE):
        problems.append(describe_end(run.status, results.get("error")))
    return run


def describe_end(status: str, error: Any) -> str:
    """How an unfinished run stands, in one line."""
    first = str(error or "").strip().split("\n")[0]
    if status == "running":
        return "no end was noted: still running, or killed"
    return f"{status}: {first}" if first else status


def read_object(path: Path, problems: list[str]) -> dict[str, Any]:
    """Read a JSON or YAML mapping; empty, with a line added to `problems`, if that fails."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else load_whole_yaml(text)
    except FileNotFoundError:
        problems.append(f"{path.name}: missing")
    except OSError as error:
        problems.append(f"{path.name}: {error.strerror}")
    except (ValueError, yaml.YAMLError):
        problems.append(f"{path.name}: cut short or damaged")
    else:
        if isinstance(content, dict) and content:
            return content
        problems.append(f"{path.name}: empty" if not content else f"{path.name}: no mapping")
    return {}


def load_whole_yaml(text: str) -> Any:
    """Parse YAML that a program wrote; half a file may parse too, but has no last line break."""
    if text and not text.endswith("\n"):
        raise ValueError("the last line is cut short")
    return load_yaml(text)


def load_yaml(text: str) -> Any:
    """Parse YAML without building Python objects, by the C parser where there is one."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 both are safe


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number: a training that diverged notes others."""
    return isinstance(value, int | float) and math.isfinite(value)


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}
