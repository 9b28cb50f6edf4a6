"""Settings that decide where a training ends: as they were when it goes on, or by force."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from snn_mm.analysis.report.config_facts import Facts, flatten, role
from snn_mm.callbacks.recording.run_record import RunRecord
from snn_mm.commands.report import known_library
from snn_mm.reading.text import naming
from snn_mm.reading.yaml_files import parse_yaml
from snn_mm.run.attempt import Change, RunAttempt
from snn_mm.run.directory import RunDirectory, read_json

SEED = re.compile(r"seed_everything|(data\.)([\w.]+\.)?seed")
MERGED = ("model", "checkpoint", "guard", "trainer.callbacks")
"""What is put in force, or is refused by `carry` for reasons of its own."""
LENGTH = re.compile(
    r"test_after_fit|linear_probe|trainer\.((max|min)_(epochs|steps|time)|limit_(test|predict)_batches"
    r"|fast_dev_run|benchmark|detect_anomaly|inference_mode|barebones|deterministic)"
)
"""Keys that may change: how long is trained, what comes after, how errors are searched for."""


def next_attempt(
    run: RunDirectory, saved: Mapping[str, Any], config: str, force: bool
) -> RunAttempt:
    """The attempt that goes on with a run of its own.

    Args:
        run: the run directory.
        saved: the checkpoint.
        config: the whole config of today as YAML.
        force: whether to go on with what changes the end.

    Raises:
        UserError: names each setting that has changed and is not forced.
    """
    with naming(run.last, "does not tell what it was trained with"):
        state = saved["callbacks"].get(RunRecord.__qualname__, {})
        # Earlier versions kept them beside the checkpoint alone, which may be older.
        before = dict(state.get("circumstances") or read_json(run.environment))
        attempt = RunAttempt(before, force, list(state.get("deviations", ())))
        recorded = parse_yaml(state.get("config", "{}"), run.last)
        changes = changed(recorded, parse_yaml(config, run.config)) if recorded else []
    if changes:
        merged = [change for change in changes if is_below(change.name, MERGED)]
        attempt.depart([change for change in changes if change not in merged])
        attempt.note(merged)
    return attempt


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Settings that decide where a training ends and are not what they were.

    A key that one config lacks is none that was changed: the config may be older than the key.
    """
    observers = known_library().observers
    was, mine = flatten(before), flatten(now)
    keys = [
        key
        for key in {**mine, **was}
        if is_decisive(key, observers) and differs(key, was, mine) and not LENGTH.fullmatch(key)
    ]
    whole = [key for key in keys if not is_below(key.rpartition(".")[0], keys)]
    return [Change(key, was.get(key), mine.get(key)) for key in whole]


def is_decisive(key: str, observers: Collection[str]) -> bool:
    """Whether a key has an influence on where a training ends."""
    return bool(SEED.fullmatch(key)) or role(key, observers) is not None


def differs(key: str, was: Facts, mine: Facts) -> bool:
    """Whether a key has another value, was part of another, or is a callback that came or went."""
    if key in was and key in mine:
        return bool(was[key] != mine[key])
    other = mine if key in was else was
    is_callback = key.startswith("trainer.callbacks.") and key.count(".") == 2
    return is_callback or any(name.startswith(f"{key}.") for name in other)


def is_below(key: str, places: Collection[str]) -> bool:
    """Whether a key is one of some, or lies below it."""
    return any(f"{key}.".startswith(f"{place}.") for place in places)
