"""How numbers are written in every table."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from snn_mm.analysis.report.statistics import Summary

LOWER_IS_BETTER = ("loss", "mae", "mse", "error", "forgetting", "energy")
NOTHING = "—"

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

OF_TASK = re.compile(r"test/accuracy/task_(\d+)")

STAGES = {"train": "training", "val": "validation", "test": "test"}

SYMBOLS = {"k": "k", "rho": "ρ", "score": "score", "accelerate": "accelerate", "entropy": "entropy"}
"""Factors that each modality has one of, on scales of their own: `loss_adjustment/rho_audio`."""

NAMES = {
    **{name: name.upper() for name in ("iemf", "ogm", "mslr", "agm", "lfm", "pmr")},
    "ogm_ge": "OGM-GE",
    "xi": "ξ",
}
"""How papers write what is logged under another name."""

FUSED_ACCURACY = "test/accuracy/fused"

MAIN_METRICS = (
    "test/average_incremental_accuracy",
    FUSED_ACCURACY,
    "test/accuracy_2/fused",
    "test/accuracy_2_has0/fused",
    "test/mae/fused",
)
"""What runs are compared by if nobody says so: the one that most runs have, or the first such."""


class Place(NamedTuple):
    """Where a factor is drawn: in the panel of its prefix and symbol, under its label."""

    prefix: str
    symbol: str
    label: str


def place_of(name: str) -> Place:
    """Where a factor of this name is drawn.

    Example:
        >>> place_of("loss_adjustment/rho_audio")
        Place(prefix='loss_adjustment', symbol='ρ', label='audio')
    """
    prefix, _, last = name.rpartition("/")
    symbol, _, modality = last.partition("_")
    if symbol in SYMBOLS and modality:
        return Place(prefix or last, SYMBOLS[symbol], modality)
    return Place(prefix or last, "", last)


def spoken(name: str) -> str:
    """A part of a logged name as a reader says it.

    Example:
        >>> spoken("gradient_norm"), spoken("ogm_ge")
        ('gradient norm', 'OGM-GE')
    """
    return NAMES.get(name, name.replace("_", " "))


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
        return {**LABELS, **TASK_LABELS}.get(self.kind, self.kind)

    @property
    def axis(self) -> str:
        """The label of an axis: what it is, with its unit."""
        return f"{title_of(self.name)}{', %' if self.is_share else ''}"

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

    def write(self, summary: Summary | None) -> str:
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


def mean_text(
    summary: Summary | None, scale: float = 1.0, digits: int = 2, size: bool = True
) -> str:
    """`87.65 ± 0.42 (3)`; without a deviation for a single value; a dash for none.

    Args:
        summary: what to write.
        scale: what mean and deviation are multiplied with.
        digits: decimals.
        size: whether the number of values follows in brackets.

    Example:
        >>> mean_text(Summary(0.5, 0.01, 3), 100)
        '50.00 ± 1.00 (3)'
    """
    if summary is None:
        return NOTHING
    mean = f"{summary.mean * scale:.{digits}f}".replace("-", "−")
    deviation = (
        "" if math.isnan(summary.deviation) else f" ± {summary.deviation * scale:.{digits}f}"
    )
    return mean + deviation + (f" ({summary.size})" if size else "")


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def duration(seconds: float) -> str:
    """A time as a person says it: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def joined(values: list[str], most: int = 6) -> str:
    """Values in one cell, the rest counted."""
    shown = ", ".join(values[:most])
    return f"{shown} and {len(values) - most} more" if len(values) > most else shown
