"""The tables a paper prints: methods by data sets, unimodal metrics, paired tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snn_mm.analysis.report.consistency import differences
from snn_mm.analysis.report.document import Block, Section, Table, TableCell, Text
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.published import PublishedNumber, find_number
from snn_mm.analysis.report.sections.linear import linear_table
from snn_mm.analysis.report.sections.rows import best_method, method_cell
from snn_mm.analysis.report.sections.scores import score_tables, task_table, unimodal_table
from snn_mm.analysis.report.statistics import paired_test
from snn_mm.analysis.report.wording import NOTHING, signed
from snn_mm.errors import UserError

MARK = " †"


@dataclass(frozen=True)
class Results:
    """What the tables of results are made of.

    Attributes:
        comparison: the runs.
        metric: what is compared.
        published: the papers' own numbers.
        baseline: the method that the others are tested against; the first if None.
    """

    comparison: Comparison
    metric: Metric
    published: Sequence[PublishedNumber] = ()
    baseline: str | None = None


def results_section(results: Results) -> Section:
    """All tables of results."""
    if not results.comparison.groups:
        return Section("Results", [Text("No finished run; --all counts unfinished ones too.")])
    more = [
        *score_tables(results.comparison),
        unimodal_table(results.comparison, results.metric),
        linear_table(results.comparison),
        task_table(results.comparison),
    ]
    blocks: list[Block] = [main_table(results), *(table for table in more if table)]
    if len(results.comparison.methods) > 1:
        blocks += [comparison_table(results), Text(TEST_NOTE)]
    return Section("Results", blocks)


TEST_NOTE = (
    "p is of the two-sided exact sign-flip permutation test over seeds and folds that both methods "
    "ran; n pairs cannot give less than the value in brackets (0.25 for three, 0.0625 for five), "
    "so a large p of few pairs is no evidence of equality. p is not corrected for several "
    "comparisons."
)


def main_table(results: Results) -> Table:
    """Methods by data sets."""
    comparison, metric = results.comparison, results.metric
    best = {dataset: best_method(comparison, dataset, metric) for dataset in comparison.datasets}
    rows = []
    for method in comparison.methods:
        row = [method_cell(comparison, method)]
        for dataset in comparison.datasets:
            group = comparison.group(method, dataset)
            row.append(result_cell(results, group, best[dataset] == method))
        rows.append(row)
    caption = (
        f"{metric.name}{metric.unit}{', less is better' if metric.lower_is_better else ''}: "
        "mean ± standard deviation over seeds, and folds if there are any (number of runs); the "
        "best of a column in bold, below it what a paper prints. "
        "† marks runs that differ in more than their seeds (see Differences)."
    )
    return Table("results", caption, ["Method", *comparison.datasets], rows)


def result_cell(results: Results, group: Group | None, is_best: bool) -> TableCell:
    """Mean and deviation of one group, with its mark and the published number."""
    if group is None:
        return TableCell(NOTHING)
    comparison, metric = results.comparison, results.metric
    text = metric.write(group.summary(metric.name))
    marked = group.repeated or differences(group.counted, comparison.library.observers)
    number = find_number(results.published, group.facts, metric.name, comparison.library)
    detail = published_text(number, metric) if number else ""
    return TableCell(text + (MARK if marked else ""), bold=is_best, detail=detail)


def published_text(number: PublishedNumber, metric: Metric) -> str:
    """What a paper prints, where, and what has to be known of it."""
    value = f"{number.value:.2f}" if metric.is_share else f"{number.value:g}"
    return f"{number.place}: {value}{f' ({number.note})' if number.note else ''}"


def comparison_table(results: Results) -> Table:
    """Each method against the baseline, paired by seed."""
    comparison, metric = results.comparison, results.metric
    baseline = find_baseline(comparison, results.baseline)
    rows = [
        comparison_row(comparison, group, base, metric)
        for dataset in comparison.datasets
        if (base := comparison.group(baseline, dataset))
        for group in comparison.ordered(dataset)
        if group is not base
    ]
    unit = " in percentage points" if metric.is_share else ""
    caption = (
        f"Paired by seed and fold against {comparison.key(baseline)}. {baseline}: mean difference "
        f"of {metric.name}{unit}."
    )
    columns = ["Method", "Data set", "Pairs", "Difference", "p (smallest possible)"]
    return Table("paired", caption, columns, rows)


def comparison_row(
    comparison: Comparison, group: Group, base: Group, metric: Metric
) -> list[TableCell | str]:
    """One method against the baseline on one data set."""
    ours, theirs = group.values(metric.name), base.values(metric.name)
    shared = [seed for seed in ours if seed in theirs]
    test = paired_test([ours[s] for s in shared], [theirs[s] for s in shared])
    method = method_cell(comparison, group.method)
    head: list[TableCell | str] = [method, group.dataset, str(len(shared))]
    if test is None:
        return [*head, NOTHING, "no seed in common"]
    p = f"{test.p:.3g} ({test.smallest_p:.3g})"
    return [*head, signed(test.difference * metric.scale, metric.digits), p]


def find_baseline(comparison: Comparison, wanted: str | None, flag: str = "--baseline") -> str:
    """The method that a user means: by letter, name or a part of the name that only one has.

    Args:
        comparison: the runs.
        wanted: what was typed; the first method if None.
        flag: what it was typed after.

    Raises:
        UserError: none or several fit.
    """
    methods = comparison.methods
    if wanted is None:
        return methods[0]
    exact = [m for m in methods if wanted in (m, comparison.key(m))]
    fitting = exact or [m for m in methods if wanted.casefold() in m.casefold()]
    if len(fitting) != 1:
        rows = "\n".join(f"{comparison.key(m)}. {m}" for m in (fitting or methods)[:3])
        problem = "fits several rows" if fitting else "fits no row"
        raise UserError(f"{flag} {wanted!r} {problem}; give a letter or a name of\n{rows}")
    return fitting[0]
