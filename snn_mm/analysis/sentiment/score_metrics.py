"""Which final metrics a table of finished runs shows if nobody says so."""

from __future__ import annotations

from collections.abc import Sequence

from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.report.metric import LABELS, main_metric

RATES = "test/firing_rate/"


def shared_metrics(groups: Sequence[Group]) -> set[str]:
    """Names of the final metrics that every run has."""
    runs = [set(run.metrics) for group in groups for run in group.counted]
    return set.intersection(*runs) if runs else set()


def tested_scores(groups: Sequence[Group]) -> list[str]:
    """The fused scores of the test that all runs have, as SGMT's tables show them.

    Runs that rate no sentiment have one: what they are compared by elsewhere.
    """
    known = shared_metrics(groups)
    rated = [f"test/{kind}/fused" for kind in LABELS]
    return [name for name in rated if name in known] or [main_metric(known)]


def firing_rates(groups: Sequence[Group]) -> list[str]:
    """The firing rates in the test that all runs have: by modality, and that of the fusion last."""
    found = (name for name in shared_metrics(groups) if name.startswith(RATES))
    return sorted(found, key=lambda name: (name.endswith("/fusion"), name))
