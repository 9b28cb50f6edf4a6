"""What was measured of a run, by trial."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from snn_mm.analysis.latency.trials import Kind, Trial
from snn_mm.analysis.line_table import LineTable


@dataclass(frozen=True)
class TrialResult:
    """What a network does in a trial.

    Attributes:
        metrics: numbers by name, such as `accuracy/fused`.
        confidence: the largest fused probability, by the id of a sample.
        right: whether the fused class is right, likewise.
    """

    metrics: dict[str, float]
    confidence: dict[str, float] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)


Record = dict[Trial, TrialResult]


class TrialTable(LineTable[Trial, TrialResult]):
    """Trials of one run, a line each."""

    WHAT = "record of trials"

    @staticmethod
    def parsed(content: dict[str, Any]) -> tuple[Trial, TrialResult]:
        """Trial and numbers of a line."""
        kind: Kind = content["trial"]["kind"]
        if kind not in get_args(Kind):
            raise ValueError(kind)
        columns = ("metrics", "confidence", "right")
        found = [{str(k): float(v) for k, v in content[name].items()} for name in columns]
        return Trial(kind, int(content["trial"]["steps"])), TrialResult(*found)

    @staticmethod
    def line(task: Trial, result: TrialResult) -> str:
        """A trial with its numbers."""
        content = {"trial": asdict(task), **asdict(result)}
        return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
