"""`snnmm analyse cost`: what it takes to reach equal errors (IEMF Fig. 2g)."""

from __future__ import annotations

import argparse
from typing import get_args

from snn_mm.analysis.cost.figure import draw_cost
from snn_mm.analysis.cost.metric import LEVELS, Final
from snn_mm.analysis.cost.table import compare_costs, cost_table
from snn_mm.analysis.variants import find_variants
from snn_mm.commands.analyse.complexity import COMPLEXITIES, UNITS, epoch_complexity
from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import (
    CURVE_METRIC,
    add_data_root,
    add_runs,
    beside,
    read_groups,
)

DESCRIPTION = """\
Cost = 1/L Σ Argmin(f(x) <= Err_l) x Ω: the mean of the first epochs at or below L error rates,
the same for all methods, times the operations of an epoch. They are counted once a method, on one
training step of a run's own model, data and callbacks, and kept in its cost.json."""

EXAMPLE = "snnmm analyse cost runs/iemf_ks-sweep"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which errors and which operations."""
    add_runs(parser)
    add = parser.add_argument
    add("--metric", default=CURVE_METRIC, help=f"accuracy whose error counts ({CURVE_METRIC})")
    add("--levels", type=int, default=LEVELS, metavar="L", help=f"error rates ({LEVELS})")
    add(
        "--final",
        choices=get_args(Final),
        default="lowest",
        help="the lower bound is the largest final error: a curve's lowest or its last (lowest)",
    )
    add(
        "--complexity",
        choices=COMPLEXITIES,
        default="flops",
        help="Ω: FLOPs of training; MAC + SynOps of its forward passes, for SNNs; or 1 (flops)",
    )
    add_data_root(parser, "where data lie now, to count FLOPs")


def analyse(options: argparse.Namespace) -> Findings:
    """Count what an epoch takes, and multiply."""
    comparison = read_groups(options.runs)
    variants = find_variants(comparison.groups, comparison.library)
    kind = options.complexity
    complexity = [epoch_complexity(v.group, kind, options.data_root) for v in variants]
    costs = compare_costs(
        variants, complexity, options.metric, options.final, options.levels, UNITS[kind]
    )
    figure = draw_cost(costs, options.metric)
    return Findings(beside(options.runs), [cost_table(costs)], {"cost": figure})
