"""`sweep.json`: what a sweep was made of, so that another one under its name is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snn_mm.config.tree import check_configs, read_file, read_flags
from snn_mm.errors import UserError
from snn_mm.run.directory import read_json, write_json
from snn_mm.sweep.cells import Sweep
from snn_mm.sweep.grid import CONFIG, SEED

FILE = "sweep.json"
Facts = dict[str, Any]


def config_files(sweep: Sweep) -> list[Path]:
    """Every config file of a sweep: its experiments, those of its flags and those of its grid."""
    given = [entry.value for entry in read_flags(list(sweep.flags)) if entry.path == (CONFIG,)]
    flags = [flag for axis in sweep.axes for value in axis.values for flag in axis.flags(value)]
    varied = [flag.partition("=")[2] for flag in flags if flag.startswith(f"--{CONFIG}=")]
    return [*sweep.experiments, *(Path(str(path)) for path in dict.fromkeys([*given, *varied]))]


def describe(sweep: Sweep) -> Facts:
    """What decides how its runs turn out, one fact a key or axis.

    Raises:
        UserError: a config file is missing or no YAML.
    """
    files = config_files(sweep)
    check_configs(files)
    facts: Facts = {axis.name: list(axis.values) for axis in sweep.labelled_axes}
    for axis in sweep.axes:
        facts |= {f"{axis.label}={name}": list(row) for name, row in (axis.rows or {}).items()}
    facts["flags"] = list(sweep.flags)
    facts["seed keys"] = [key for axis in sweep.axes if axis.label == SEED for key in axis.keys]
    for file in files:
        for entry in read_file(file):
            if entry.value is not None:
                facts[f"{file.name}: {entry.key}"] = entry.value
    return facts


def settle_definition(sweep: Sweep, facts: Facts, extend: bool) -> None:
    """Write `sweep.json`, or compare with the one that is there.

    As long as no run was started, a definition may still be mended.

    Args:
        sweep: the sweep.
        facts: what it is made of.
        extend: whether axes may have got more values.

    Raises:
        UserError: runs of another sweep lie under this name.
    """
    path = sweep.folder / FILE
    before = read_json(path).get("definition")
    started = any(sweep.folder.glob("*/results.json"))
    if before is None and started:
        raise UserError(f"{sweep.folder} holds runs that no sweep made; choose another --name")
    if before is not None and started:
        changed = [key for key in {**before, **facts} if before.get(key) != facts.get(key)]
        grown = bool(changed) and all(has_grown(key, before, facts) for key in changed)
        if changed and not (grown and extend):
            raise UserError(explain(sweep, before, facts, changed, grown))
    sweep.folder.mkdir(parents=True, exist_ok=True)
    write_json(path, {"name": sweep.name, "definition": facts})


def has_grown(key: str, before: Facts, now: Facts) -> bool:
    """Whether a fact is an axis that kept its values and got more, or of a file that is new.

    A new file can only be a new value of an axis: flags that differ are a fact of their own.
    """
    file, is_of_file, _ = key.partition(": ")
    if is_of_file:
        return not any(other.startswith(f"{file}: ") for other in before)
    return key.startswith("--") and set(before.get(key) or ["none"]) < set(now.get(key, []))


def explain(sweep: Sweep, before: Facts, now: Facts, changed: list[str], grown: bool) -> str:
    """What differs from the sweep that is there, and what to do."""
    lines = [f"  {key}: {text(before.get(key))} -> {text(now.get(key))}" for key in changed[:3]]
    if len(changed) > len(lines):
        lines = [*lines[:2], f"  and {len(changed) - 2} more"]
    advice = "--extend adds the new runs to it" if grown else "choose another --name"
    return "\n".join([f"{sweep.folder} holds another sweep; {advice}", *lines])


def text(value: Any) -> str:
    """A fact in a message."""
    if value is None or value == []:
        return "not set"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
