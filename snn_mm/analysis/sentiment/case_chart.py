"""Scores and labels of one clip as bars on the score axis, as SVG text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from snn_mm.analysis.report.axes import Scale, make_scale
from snn_mm.analysis.report.charts import COLOURS, WIDTH, number, opening, text
from snn_mm.analysis.sentiment.case_study import Case

LEFT, RIGHT, TOP, BOTTOM = 84.0, 64.0, 6.0, 24.0
ROW, BAR = 36.0, 13.0


def case_chart(name: str, case: Case, heads: Sequence[str], limit: float) -> str:
    """Draw two bars a head from zero: its score filled, its label as an outline below.

    Args:
        name: unique in the page.
        case: the clip.
        heads: from top to bottom; the place of a head is its colour.
        limit: where the axis ends on both sides.
    """
    bottom = TOP + ROW * len(heads)
    there = [head for head in heads if not math.isnan(case.score[head])]
    said = " ".join(
        f"{head}: {number(case.score[head])}, label {number(case.label[head])}." for head in there
    )
    scale = make_scale([-limit, limit], LEFT, WIDTH - RIGHT, count=4)
    rows = [
        part
        for place, head in enumerate(heads)
        if head in there
        for part in head_row(head, place, case.score[head], case.label[head], scale)
    ]
    return "\n".join(
        [
            *opening(name, case.id, said, bottom + BOTTOM),
            *axis(scale, bottom),
            *rows,
            f'<path class="axis" d="M{scale(0.0):.1f} {TOP:g}V{bottom:g}"/>',
            "</svg>",
        ]
    )


def head_row(head: str, place: int, score: float, label: float, scale: Scale) -> list[str]:
    """Name, two bars and two numbers of one head."""
    y = TOP + ROW * place + (ROW - 2 * BAR) / 2
    end = WIDTH - RIGHT + 6
    return [
        text(LEFT - 8, y + BAR + 4, head.replace("_", " "), "end"),
        bar(y, score, scale, f'class="dot c{place % COLOURS}"'),
        bar(y + BAR, label, scale, 'class="axis"'),
        text(end, y + BAR - 2, signed(score), "start", f'class="letter c{place % COLOURS}"'),
        text(end, y + 2 * BAR - 2, signed(label), "start"),
    ]


def bar(y: float, value: float, scale: Scale, style: str) -> str:
    """A bar from zero to a value; at 0 a line."""
    clipped = min(max(value, scale.low), scale.high)
    start, end = sorted((scale(0.0), scale(clipped)))
    width = max(end - start, 0.5)
    return (
        f'<rect {style} x="{start:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BAR - 1.5:.1f}"/>'
    )


def signed(value: float, digits: int = 2) -> str:
    """A score with its sign; 0 has none, however it was rounded.

    Example:
        >>> signed(-0.001)
        '0.00'
    """
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def axis(scale: Scale, bottom: float) -> list[str]:
    """Grid lines and numbers of the score axis."""
    parts = []
    for tick in scale.ticks:
        parts.append(f'<path class="grid" d="M{scale(tick):.1f} {TOP:g}V{bottom:g}"/>')
        parts.append(text(scale(tick), bottom + 16, number(tick), "middle"))
    return parts
