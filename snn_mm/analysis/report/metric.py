"""Metrics by their logged names: how they are written, which way is better, which is compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from snn_mm.analysis.report.statistics import MeanDeviation
from snn_mm.analysis.report.wording import mean_text
from snn_mm.figures.names import NAMES, place_of, spoken

LOWER_IS_BETTER = ("loss", "mae", "mse", "error", "forgetting", "energy")

LABELS = {
    "accuracy_2": "Acc-2",
    "accuracy_3": "Acc-3",
    "accuracy_2_has0": "Acc-2 has-zero",
    "f1_has0": "F1 has-zero",
    "accuracy_2_non0": "Acc-2 non-zero",
    "f1_non0": "F1 non-zero",
    "accuracy_5": "Acc-5",
    "accuracy_7": "Acc-7",
    "f1": "F1",
    "mae": "MAE",
    "corr": "Corr",
}
"""Scores of sentiment as papers write them, in the order in which tables show them."""

TASK_LABELS = {
    "average_incremental_accuracy": "AIA",
    "average_forgetting": "AFR",
    "average_accuracy": "AA",
    "forgetting": "F",
}
"""Scores of class-incremental learning, likewise; they are of all heads and tasks together."""

CLASS_LABELS = {"balanced_accuracy": "balanced accuracy", "f1_macro": "macro F1"}
"""Scores that count every class alike, however many samples it has."""

OF_TASK = re.compile(r"test/accuracy/task_(\d+)")

STAGES = {"train": "training", "val": "validation", "test": "test"}

FUSED_ACCURACY = "test/accuracy/fused"

MAIN_METRICS = (
    "test/average_incremental_accuracy",
    FUSED_ACCURACY,
    "test/accuracy_2/fused",
    "test/accuracy_2_has0/fused",
    "test/mae/fused",
)
"""What runs are compared by if nobody says so: the one that most runs have, or the first such."""


def title_of(name: str) -> str:
    """A logged name as a figure's title: of a metric, or of a factor of the training.

    Example:
        >>> title_of("val/accuracy/fused"), title_of("train/loss")
        ('validation accuracy, fused', 'training loss')
        >>> title_of("loss_adjustment/rho_audio"), title_of("iemf/xi")
        ('loss adjustment ρ, audio', 'IEMF ξ')
    """
    stage, *rest = name.rstrip("/").split("/")
    if stage in STAGES and rest:
        known = NAMES.get(rest[0], Metric(name).label)
        return ", ".join([f"{STAGES[stage]} {spoken(known)}", *map(spoken, rest[1:])])
    prefix, symbol, label = place_of(name)
    if label == prefix:
        return spoken(label)
    head = f"{spoken(prefix)} {symbol}".rstrip()
    return f"{head} {NAMES[label]}" if label in NAMES else f"{head}, {spoken(label)}"


@dataclass(frozen=True)
class Metric:
    """A metric by its logged name, such as `test/accuracy/fused`."""

    name: str

    @property
    def kind(self) -> str:
        """The part after the stage: `accuracy`."""
        parts = self.name.split("/")
        return parts[1] if len(parts) > 1 else parts[0]

    @property
    def label(self) -> str:
        """The kind as a paper writes it: `Acc-2`, `MAE`."""
        return {**LABELS, **TASK_LABELS, **CLASS_LABELS}.get(self.kind, self.kind)

    @property
    def axis(self) -> str:
        """The label of an axis: what it is, with its unit."""
        return f"{title_of(self.name)}{', %' if self.is_share else ''}"

    @property
    def short_axis(self) -> str:
        """The same for a small chart, which says elsewhere of which set and head it is."""
        return f"{spoken(self.label)}{' [%]' if self.is_share else ''}"

    @property
    def task(self) -> int | None:
        """The number of the task that it was measured on alone; None if it is of no single one."""
        found = OF_TASK.fullmatch(self.name)
        return int(found[1]) if found else None

    @property
    def is_share(self) -> bool:
        """Whether it is logged as a share and shown in percent."""
        known = ("accuracy" in self.kind, "forgetting" in self.kind)
        return any(known) or self.kind.split("_")[0] == "f1"

    @property
    def lower_is_better(self) -> bool:
        """Whether small is good."""
        return any(word in self.name.lower() for word in LOWER_IS_BETTER)

    @property
    def scale(self) -> float:
        """What logged values are multiplied with."""
        return 100.0 if self.is_share else 1.0

    @property
    def unit(self) -> str:
        """Unit for captions."""
        return " in percent" if self.is_share else ""

    @property
    def digits(self) -> int:
        """Decimals of what is shown."""
        return 2 if self.is_share else 4

    def write(self, summary: MeanDeviation | None) -> str:
        """Mean, deviation and number as a table shows them."""
        return mean_text(summary, self.scale, self.digits)

    def by_head(self, available: Collection[str]) -> Metric:
        """What tells heads apart: the metric, if it is of one head, else their main metric.

        Args:
            available: names of metrics that runs have.
        """
        if self.name.count("/") > 1:
            return self
        return Metric(main_metric([name for name in available if name.count("/") > 1]))


def main_metric(*runs: Collection[str]) -> str:
    """The metric to compare by: that of `MAIN_METRICS` which most runs have, else any of the test.

    Args:
        runs: names of the metrics that each run has.
    """
    tested = Counter(name for run in runs for name in run if name.startswith("test/"))
    known = [name for name in MAIN_METRICS if name in tested]
    return max(known or sorted(tested) or [FUSED_ACCURACY], key=tested.__getitem__)
