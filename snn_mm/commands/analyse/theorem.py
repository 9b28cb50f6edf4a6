"""`snnmm analyse theorem`: the variance behind scale_2, simulated and in a trained network."""

from __future__ import annotations

import argparse

from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import FOLDER, add_run, open_one

DRAWS = 100_000
LIMIT = 3.0
"""Standard errors that simulation and formula may differ by."""

DESCRIPTION = """\
Theorem 1 of SGMT, Var(Q Kᵀ) for random spikes and weights, which scale_2 is made of: the formula
beside a simulation. With a run, also how far it holds in a trained network: the variance of
Q Kᵀ / scale_2 over the clips' valid steps, which would be 1. Only that within rows reaches softmax:
an offset of a row changes nothing."""

EXAMPLE = "snnmm analyse theorem runs/sgmt_sims/RUN"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which run, if any."""
    add_run(parser, required=False)
    parser.add_argument(
        "--draws", type=int, default=DRAWS, metavar="N", help=f"of each simulation ({DRAWS})"
    )


def analyse(options: argparse.Namespace) -> Findings:
    """Simulate and measure; the exit code is 1 if the theorem does not hold."""
    restored = open_one(options) if options.run else None
    from snn_mm.analysis.sentiment.attention_variance import check_theorem, theorem_table

    rows = check_theorem(draws=options.draws)
    tables = [theorem_table(rows)]
    if restored is not None:
        from snn_mm.analysis.sentiment.attention_measure import measure_attention, measured_table
        from snn_mm.analysis.sentiment.clip_loading import batches, sgmt_network

        network = sgmt_network(restored)
        found = measure_attention(network, batches(restored.data, options.split))
        tables.append(measured_table(found))
    worst = max(abs(row.deviation) for row in rows)
    holds = worst <= LIMIT
    last = f"{'holds' if holds else 'DOES NOT HOLD'}: at most {worst:.1f} standard errors apart"
    folder = restored.run.path / FOLDER if restored else None
    return Findings(folder, tables, last=last, code=0 if holds else 1)
