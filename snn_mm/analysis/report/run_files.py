"""Finds run directories and reads what they say of themselves, whatever state they are in."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

from snn_mm.analysis.report.config_facts import Facts, flatten
from snn_mm.analysis.report.curves import Logged, read_contribution, read_layers, read_logged
from snn_mm.errors import UserError
from snn_mm.reading.json_files import json_value
from snn_mm.reading.text import read_text
from snn_mm.reading.yaml_files import LARGEST_YAML, parse_yaml
from snn_mm.run.attempt import describe_commit
from snn_mm.run.directory import DIVERGED, FINISHED, RUNNING, STOPPED, RunDirectory
from snn_mm.run.lock import RunLock
from snn_mm.run.stop_request import interrupts_held

UNREADABLE = "unreadable"
MARKERS = ("config.yaml", "results.json", "environment.json", "metrics.csv", ".lock")
"""A folder that holds one of these is a run; `.lock` alone is one that died at once."""

COPY_TOLERANCE = 60.0
"""Seconds between the start a run noted and its file's date; more means that it was copied."""

MANY_RUNS = 64
"""Runs from which starting processes is worth it: factor files have a row a step."""

ENERGY = "energy."
"""Before the dotted keys of `energy.json`, where they are among the final numbers of a run."""
IN_ENERGY = ("cost_model", "total", "parts", "ann_twin", "without_rule")


@dataclass(frozen=True, eq=False)
class Run:
    """One run directory as it was found.

    Attributes:
        results: `results.json`, empty if it cannot be read; `environment` likewise.
        facts: the config by dotted key.
        logged: metrics and factors by epoch.
        layers: (rate, silent, saturated) by (modality, layer), when it was last seen.
        energy: `energy.json` by dotted key, empty if there is none.
        problems: what could not be read, and why.
    """

    path: Path
    results: dict[str, Any]
    environment: dict[str, Any]
    facts: Facts
    logged: Logged
    layers: dict[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    energy: Facts = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Experiment and id."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def status(self) -> str:
        """What the run says, or `stopped`, see `RunLock`; `unreadable` without it or a config."""
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
        """The commit of each attempt, with a plus after uncommitted changes; each once."""
        earlier = self.environment.get("earlier_attempts")
        attempts = [*(earlier if isinstance(earlier, list) else []), self.environment]
        commits = [describe_commit(as_dict(as_dict(attempt).get("git"))) for attempt in attempts]
        return ", ".join(dict.fromkeys(commits))

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Final numbers by name: of the test, the best validation, the last training; energy."""
        results = self.results
        later = as_dict(as_dict(as_dict(results.get("evaluations")).get("test")).get("best.ckpt"))
        best = as_dict(as_dict(results.get("best")).get("validation"))
        energy = {f"{ENERGY}{key}": value for key, value in self.energy.items()}
        train, test = as_dict(results.get("train")), as_dict(results.get("test"))
        merged = {**train, **best, **later, **test, **energy, **read_contribution(self.path)}
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


def read_runs(paths: Iterable[Path]) -> list[Run]:
    """Read every run directory at or below the paths, on all cores where there are many.

    Raises:
        UserError: see `find_runs`.
    """
    if len(found := find_runs(paths)) < MANY_RUNS:
        return [read_run(path) for path in found]
    with ProcessPoolExecutor() as pool:
        with interrupts_held():
            runs = pool.map(read_run, found, chunksize=8)
        return list(runs)


def read_run(path: Path) -> Run:
    """Read a run directory; what cannot be read is named in its problems."""
    problems: list[str] = []
    results = read_object(path / "results.json", problems)
    if results.get("status") == RUNNING and RunLock(RunDirectory(path)).is_free():
        results["status"] = STOPPED
    environment = read_object(path / "environment.json", problems)
    facts = flatten(read_object(path / "config.yaml", problems))
    if facts and not {"model", "data"} <= facts.keys():
        problems.append("config.yaml: names no model or no data")
        facts = {}
    problems += describe_end(results.get("status"), results.get("error")) if facts else []
    deviations = results.get("deviations")
    problems += map("went on with {}".format, deviations if isinstance(deviations, list) else [])
    logged, layers = read_logged(path, problems), read_layers(path, problems)
    energy = read_energy(path, problems)
    return Run(path, results, environment, facts, logged, layers, energy, problems)


def read_energy(run: Path, problems: list[str]) -> Facts:
    """What tables show of `energy.json`; nothing if it is missing or, as is then named, damaged."""
    if not (run / "energy.json").exists():
        return {}
    content = read_object(run / "energy.json", problems)
    facts = flatten({key: content[key] for key in IN_ENERGY if key in content})
    if content and not is_number(facts.get("total.compute_pj")):
        problems.append("energy.json: total.compute_pj is missing")
        return {}
    return facts


def describe_end(status: Any, error: Any) -> list[str]:
    """How an unfinished run stands, in one line; none for others."""
    if not isinstance(status, str) or status == FINISHED:
        return []
    if status == RUNNING:
        return ["still running"]
    if status == STOPPED:
        return ["no end was noted, and no process holds it: killed, or the disk was full"]
    first = str(error or "").strip().split("\n")[0]
    return [f"{status}: {first}" if first else status]


def read_object(path: Path, problems: list[str]) -> dict[str, Any]:
    """Read a JSON or YAML mapping; empty, with a line added to `problems`, if that fails."""
    if not path.exists():
        problems.append(f"{path.name}: missing")
        return {}
    try:
        content = json_value(path) if path.suffix == ".json" else read_whole_yaml(path)
    except UserError:
        problems.append(f"{path.name}: cut short or damaged")
    else:
        if isinstance(content, dict) and content:
            return content
        problems.append(f"{path.name}: empty" if not content else f"{path.name}: no mapping")
    return {}


def read_whole_yaml(path: Path) -> Any:
    """The value in YAML that a program wrote; half a file may parse too.

    Raises:
        UserError: it can't be read, or has no last line break.
    """
    text = read_text(path, LARGEST_YAML)
    if text and not text.endswith("\n"):
        raise UserError(f"{path}: the last line is cut short")
    return parse_yaml(text, path)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number: a training that diverged notes others."""
    return isinstance(value, int | float) and math.isfinite(value)


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}
