"""The case study as a page of its own, by the builders of the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from snn_mm.analysis.report.document import (
    Block,
    Document,
    Figure,
    Panel,
    Section,
    Table,
    TableCell,
    Text,
)
from snn_mm.analysis.report.html import slug, to_html
from snn_mm.analysis.report.wording import NOTHING
from snn_mm.analysis.sentiment.case_chart import case_chart, signed
from snn_mm.analysis.sentiment.case_study import Case, Choice, rate_heads
from snn_mm.metrics.sentiment_scores import Protocol

Texts = Callable[[str], str | None]
"""What is said in a clip, by its id; None where the data do not have it."""

CLIPPED: dict[Protocol, str] = {"sims": ", with scores clipped to [-1, 1]"}
"""What the rules of a data set do to scores before they are rated."""

CAPTION = (
    "Filled: the head's score. Outline: its own label, which is the clip's where a modality has "
    "none. All clips share the axis."
)


def case_page(
    run: str,
    part: str,
    cases: Sequence[Case],
    chosen: list[Choice],
    say: Texts,
    protocol: Protocol,
) -> str:
    """Write the page.

    Args:
        run: name of the run.
        part: which clips were scored: `test`.
        cases: all of them.
        chosen: those that are shown, by rule.
        say: gives the text of a clip.
        protocol: how scores are rated.
    """
    heads = list(cases[0].score)
    limit = axis_limit(cases, [case for choice in chosen for case in choice.cases])
    sections = [Section("All clips", [heads_table(cases, part, protocol)])]
    for choice in chosen:
        blocks: list[Block] = [
            Text(choice.rule),
            figure(choice, heads, limit),
            cases_table(choice, heads, say),
        ]
        sections.append(Section(choice.title, blocks))
    own = "labels of their own" if any(c.disagreement for c in cases) else "the clip's label"
    summary = (
        f"What every head of {run} says of single clips of the {part} part ({len(cases)} clips). "
        f"Heads of modalities are compared with {own}."
    )
    return to_html(Document(f"Case study: {run}", summary, sections))


def axis_limit(cases: Sequence[Case], shown: Sequence[Case]) -> float:
    """The farthest any label lies from 0, or any score that is shown."""
    labels = [abs(x) for case in cases for x in case.label.values()]
    scores = [abs(x) for case in shown for x in case.score.values()]
    return max([*(x for x in (*labels, *scores) if not math.isnan(x)), 1e-3])


def heads_table(cases: Sequence[Case], part: str, protocol: Protocol) -> Table:
    """Error and wrong signs of every head over all clips."""
    rows: list[list[TableCell | str]] = []
    for record in rate_heads(cases, protocol):
        error = NOTHING if math.isnan(record.error) else f"{record.error:.4f}"
        share = f"{record.opposed / record.signed:.1%}" if record.signed else NOTHING
        counted = f"{record.opposed} of {record.signed}"
        rows.append([record.head, error, TableCell(share, detail=counted)])
    caption = (
        f"All {len(cases)} clips of the {part} part, rated as in the run's results"
        f"{CLIPPED.get(protocol, '')}. Opposite sign: among clips whose label for "
        "this head is not 0. Which clips are shown below says nothing of these numbers."
    )
    return Table("heads", caption, ["Head", "Mean absolute error", "Opposite sign"], rows)


def figure(choice: Choice, heads: Sequence[str], limit: float) -> Figure:
    """A chart for each clip of a choice."""
    panels = []
    for case in choice.cases:
        name = f"{slug(choice.title)}-{slug(case.id)}"
        panels.append(Panel(name, case.id, case_chart(name, case, heads, limit)))
    return Figure(CAPTION, panels, [])


def cases_table(choice: Choice, heads: Sequence[str], say: Texts) -> Table:
    """Numbers and text of each clip of a choice."""
    texts = {case.id: say(case.id) for case in choice.cases}
    has_text = any(texts.values())
    rows: list[list[TableCell | str]] = []
    for case in choice.cases:
        said: list[TableCell | str] = [texts[case.id] or NOTHING] if has_text else []
        numbers = [
            NOTHING
            if math.isnan(case.score[head])
            else TableCell(
                signed(case.score[head], 3), detail=f"label {signed(case.label[head], 3)}"
            )
            for head in heads
        ]
        opposed = ", ".join(case.opposed) or "none"
        rows.append([case.id, *said, *numbers, f"{case.error:.3f}", opposed])
    columns = ["Clip", *(["Said"] if has_text else []), *heads, "Error", "Opposite sign"]
    return Table(slug(choice.title), "The same in numbers.", columns, rows)
