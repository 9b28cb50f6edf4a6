"""How numbers are written in every table."""

from __future__ import annotations

import math

from snn_mm.analysis.report.statistics import MeanDeviation

NOTHING = "—"


def mean_text(
    summary: MeanDeviation | None, scale: float = 1.0, digits: int = 2, size: bool = True
) -> str:
    """`87.65 ± 0.42 (3)`; without a deviation for a single value; a dash for none.

    Args:
        summary: what to write.
        scale: what mean and deviation are multiplied with.
        digits: decimals.
        size: whether the number of values follows in brackets.

    Example:
        >>> mean_text(MeanDeviation(0.5, 0.01, 3), 100)
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
