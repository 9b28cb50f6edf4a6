"""What was measured of a run: a line of JSON for each condition, which a kill leaves usable."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snn_mm.analysis.robustness.conditions import Condition
from snn_mm.reading.json_files import parse_json
from snn_mm.reading.text import naming, read_text
from snn_mm.run.directory import write_text
from snn_mm.run.replace import appending


@dataclass(frozen=True)
class ConditionResult:
    """What a network does under a condition.

    Attributes:
        metrics: numbers by name, such as `test/accuracy/fused`; what has no value is left out.
        worth: what it is worth for each sample, by id: the fused probability of the true class, or
            minus the absolute error of the fused score. Only where modalities are absent or
            nothing is done.
        right: whether the fused class is right, by id; empty for scores.
        empty: what one is worth who sees nothing, by id, likewise; with all modalities alone.
        chance: the accuracy of one who sees nothing; None for scores.
    """

    metrics: dict[str, float]
    worth: dict[str, float] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)
    empty: dict[str, float] = field(default_factory=dict)
    chance: float | None = None


Record = dict[Condition, ConditionResult]


class ConditionTable:
    """Conditions of one run, each written as soon as it is measured.

    Args:
        path: the file; what it holds already is read, a last line that was cut short is not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = read_record(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(self.record)

    def add(self, condition: Condition, measured: ConditionResult) -> None:
        """Keep what was measured, on the disk as well."""
        self.record[condition] = measured
        with appending(self.path) as file:
            file.write(_line(condition, measured))
            file.flush()
            os.fsync(file.fileno())

    def finish(self, order: Iterable[Condition]) -> None:
        """Bring the conditions into an order, whatever order they were measured in.

        Conditions that were measured in an earlier call, and are not asked for now, stay behind.
        """
        asked = {condition: self.record[condition] for condition in order}
        self._write(asked | self.record)

    def _write(self, record: Record) -> None:
        self.record = record
        write_text(self.path, "".join(_line(*item) for item in record.items()))


def read_record(path: Path) -> Record:
    """The whole lines of a file; none if there is no file.

    Raises:
        UserError: the file holds something else.
    """
    if not path.is_file():
        return {}
    text = read_text(path)
    whole = text[: text.rfind("\n") + 1].splitlines()
    with naming(path, "is no record of conditions"):
        return dict(_parsed(parse_json(line, path)) for line in whole)


def _parsed(content: dict[str, Any]) -> tuple[Condition, ConditionResult]:
    said, measured = content["condition"], content["measured"]
    present = tuple(map(str, said["present"]))
    names = str(said["modality"]), str(said["corruption"])
    columns = ("metrics", "worth", "right", "empty")
    metrics, worth, right, empty = (
        {str(k): float(v) for k, v in measured[name].items()} for name in columns
    )
    chance = None if measured["chance"] is None else float(measured["chance"])
    found = ConditionResult(metrics, worth, right, empty, chance)
    return Condition(present, *names, int(said["severity"])), found


def _line(condition: Condition, measured: ConditionResult) -> str:
    content = {"condition": condition.__dict__, "measured": measured.__dict__}
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
