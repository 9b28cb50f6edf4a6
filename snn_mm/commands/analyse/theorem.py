"""`snnmm analyse theorem`: the variance behind scale_2, simulated and in a trained network."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from snn_mm.analysis.report.document import Table
from snn_mm.commands.analyse.one_run import add_run, open_one
from snn_mm.commands.analyse.runs import FOLDER, make_parser, print_table, write_analysis

if TYPE_CHECKING:
    from snn_mm.analysis.sentiment.attention_measure import Measured
    from snn_mm.analysis.sentiment.attention_variance import Row

DRAWS = 100_000
LIMIT = 3.0
"""Standard errors that simulation and formula may differ by."""

DESCRIPTION = """\
Theorem 1 of SGMT, Var(Q Kᵀ) for random spikes and weights, which scale_2 is made of: the formula
beside a simulation. With a run, also how far it holds in a trained network: the variance of
Q Kᵀ / scale_2 over the clips' valid steps, which would be 1. Only that within rows reaches softmax:
an offset of a row changes nothing."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `theorem` first.

    Returns:
        0 if the theorem holds within three standard errors, else 1.

    Raises:
        UserError: the run is none of SGMT.
    """
    options = _parser().parse_args(argv[1:])
    restored = open_one(options) if options.run else None
    from snn_mm.analysis.sentiment.attention_variance import check_theorem

    rows = check_theorem(draws=options.draws)
    tables = [theorem_table(rows)]
    folder = options.out
    if restored is not None:
        from snn_mm.analysis.sentiment.attention_measure import measure_attention
        from snn_mm.analysis.sentiment.clip_loading import batches, sgmt_network

        network = sgmt_network(restored)
        tables.append(
            measured_table(measure_attention(network, batches(restored.data, options.split)))
        )
        folder = folder or restored.run.path / FOLDER
    if folder is None:
        print_table(tables[0])
    else:
        write_analysis(folder, "theorem", tables)
    worst = max(abs(row.deviation) for row in rows)
    holds = worst <= LIMIT
    print(f"{'holds' if holds else 'DOES NOT HOLD'}: at most {worst:.1f} standard errors apart")
    return 0 if holds else 1


def theorem_table(rows: Sequence[Row]) -> Table:
    """Formula and simulation side by side."""
    lines = []
    for row in rows:
        own = row.setting
        key_width = own.width if own.key_width is None else own.key_width
        widths = f"{own.width}" if own.key_rate is None else f"{own.width}, {key_width}"
        rates = f"{own.rate:g}" if own.key_rate is None else f"{own.rate:g}, {own.key_rate:g}"
        simulated = f"{row.simulated:.4g} ± {row.standard_error:.2g}"
        element = row.element.replace("_", " ")
        apart = f"{row.deviation:+.1f}".replace("-", "−")
        kind = [widths, str(own.head_width), rates, own.weights, element]
        lines.append([*kind, f"{row.formula:.4g}", simulated, apart])
    heads = ["d_m", "d", "f", "weights", "element", "formula", "simulated ± s.e.", "apart in s.e."]
    return Table("theorem", "Var(Q Kᵀ) of random spikes and weights.", heads, lines)


def measured_table(found: Sequence[Measured]) -> Table:
    """What a trained network makes of it, a line for each attention."""
    lines = []
    for m in found:
        inputs = (m.rate, m.running_rate, m.query_deviation, m.key_deviation)
        variances = (m.theorem, m.variance, m.within_rows)
        numbers = [*(f"{x:.4f}" for x in inputs), *(f"{x:.3f}" for x in variances)]
        lines.append([m.part, str(m.layer), str(m.width), *numbers])
    heads = ["part", "layer", "d_m", "f", "f of training", "σ_1", "σ_2"]
    heads += ["theorem", "measured", "within rows"]
    caption = (
        "Variance of Q Kᵀ / scale_2 in the trained network: what Theorem 1 says for its firing "
        "rate and weights if they were independent, what it is, and what of it softmax sees."
    )
    return Table("measured", caption, heads, lines)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("theorem", DESCRIPTION, "snnmm analyse theorem runs/sgmt_sims/RUN")
    add_run(parser, required=False)
    parser.add_argument(
        "--draws", type=int, default=DRAWS, metavar="N", help=f"of each simulation ({DRAWS})"
    )
    return parser
