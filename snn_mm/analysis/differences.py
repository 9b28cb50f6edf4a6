"""How the difference between two groups of runs is written."""

from __future__ import annotations

from collections.abc import Mapping

from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.statistics import paired_test
from snn_mm.analysis.report.wording import NOTHING, signed


def difference_text(ours: Group, other: Group | None, metric: str) -> str:
    """Mean difference over the seeds that both ran, with p of the exact test from two seeds on.

    Args:
        ours: one group.
        other: what it is compared with; a dash for none, or for itself.
        metric: a final metric.
    """
    if other is None or other is ours:
        return NOTHING
    return paired_text(ours.values(metric), other.values(metric), Metric(metric).scale)


def paired_text(
    ours: Mapping[str, float], other: Mapping[str, float], scale: float = 1.0, digits: int = 2
) -> str:
    """The same for values by seed; a dash where no seed is in both.

    Args:
        ours: by seed.
        other: by seed.
        scale: what the difference is multiplied with.
        digits: decimals.
    """
    seeds = [seed for seed in ours if seed in other]
    test = paired_test([ours[s] for s in seeds], [other[s] for s in seeds])
    if test is None:
        return NOTHING
    p = f" (p = {test.p:.3g})" if test.pairs > 1 else ""
    return signed(scale * test.difference, digits) + p
