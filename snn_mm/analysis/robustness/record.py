"""What was measured of a run, by condition."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from snn_mm.analysis.line_table import LineTable
from snn_mm.analysis.robustness.conditions import Condition


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


class ConditionTable(LineTable[Condition, ConditionResult]):
    """Conditions of one run, a line each."""

    WHAT = "record of conditions"

    @staticmethod
    def parsed(content: dict[str, Any]) -> tuple[Condition, ConditionResult]:
        """Condition and numbers of a line."""
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

    @staticmethod
    def line(task: Condition, result: ConditionResult) -> str:
        """A condition with its numbers."""
        content = {"condition": task.__dict__, "measured": result.__dict__}
        return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
