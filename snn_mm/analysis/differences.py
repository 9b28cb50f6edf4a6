"""How the difference between two groups of runs is written."""

from __future__ import annotations

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
    left, right = ours.values(metric), other.values(metric)
    seeds = [seed for seed in left if seed in right]
    test = paired_test([left[s] for s in seeds], [right[s] for s in seeds])
    if test is None:
        return NOTHING
    p = f" (p = {test.p:.3g})" if test.pairs > 1 else ""
    return signed(Metric(metric).scale * test.difference) + p
