"""Line charts and scatter plots as SVG text: small, sharp, readable without colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from snn_mm.analysis.report.axes import Scale, make_scale, spread_labels
from snn_mm.analysis.report.curves import Point

WIDTH, HEIGHT = 400.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 34.0, 12.0, 40.0
COLOURS = 8
"""Colours of the palette in `chart.css` (Okabe and Ito 2008); more lines repeat them."""
FEW = 4
"""Curves that colours alone tell apart; more have a stroke of their own as well."""
STROKES = 4
"""Strokes in `chart.css`."""

STYLE = Path(__file__).with_name("chart.css")


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        letter: its name in the chart.
        colour: the index of its colour.
        points: mean and band by epoch.
        faint: dotted, with neither band nor letter: it accompanies another of the same colour.
        grey: thin and grey, likewise: it is there to compare with.
    """

    letter: str
    colour: int
    points: Sequence[Point]
    faint: bool = False
    grey: bool = False

    @property
    def is_main(self) -> bool:
        """Whether it has a band and a letter."""
        return not (self.faint or self.grey)


@dataclass(frozen=True)
class Dot:
    """One mark of a scatter plot, with its standard deviations."""

    letter: str
    colour: int
    x: float
    y: float
    x_spread: float = 0.0
    y_spread: float = 0.0


def line_chart(
    name: str,
    title: str,
    y_label: str,
    lines: Sequence[Line],
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> str:
    """Draw curves over epochs, each with its band and, at its end, its letter.

    Args:
        name: unique in the page.
        title: for those who cannot see it.
        y_label: what is drawn, with its unit.
        lines: curves; those without points are left out.
        bounds: ends that the y axis must not pass.
    """
    lines = [within(line, bounds) for line in lines if line.points]
    x, y = scales(
        [float(p.epoch) for line in lines for p in line.points],
        [v for line in lines for p in line.points for v in band(line, p)],
        bounds,
        whole=True,
    )
    main = [line for line in lines if line.is_main]
    lines = sorted(lines, key=lambda line: not line.grey)  # what is grey lies behind
    ends = [y(line.points[-1].mean) for line in main]
    labels = spread_labels(ends, 13, TOP + 6, HEIGHT - BOTTOM)
    return "\n".join(
        [
            *opening(name, title, " ".join(describe(line) for line in main)),
            *axes(x, y, "epoch", y_label),
            *(area(line, x, y) for line in main if len(line.points) > 1),
            *(curve(line, x, y, own_stroke=len(main) > FEW) for line in lines),
            *(letter(line, x(line.points[-1].epoch) + 6, at) for line, at in zip(main, labels)),
            "</svg>",
        ]
    )


def scatter_chart(name: str, title: str, x_label: str, y_label: str, dots: Sequence[Dot]) -> str:
    """Draw marks with whiskers of one standard deviation, each beside its letter."""
    x, y = scales(
        [0.0, *(v for d in dots for v in (d.x, d.x + d.x_spread))],
        [v for d in dots for v in (d.y - d.y_spread, d.y + d.y_spread)],
        (-math.inf, math.inf),
    )
    described = " ".join(f"{d.letter}: {number(d.x)}, {number(d.y)}." for d in dots)
    marks = [mark for dot in dots for mark in whiskers(dot, x, y)]
    labels = [letter(dot, x(dot.x) + 8, y(dot.y) - 8) for dot in dots]
    opened = opening(name, title, described)
    return "\n".join([*opened, *axes(x, y, x_label, y_label), *marks, *labels, "</svg>"])


def scales(
    xs: Sequence[float], ys: Sequence[float], bounds: tuple[float, float], whole: bool = False
) -> tuple[Scale, Scale]:
    """Scales of both axes."""
    x = make_scale(xs, LEFT, WIDTH - RIGHT, count=6, whole=whole)
    return x, make_scale(ys, HEIGHT - BOTTOM, TOP, bounds=bounds)


def within(line: Line, bounds: tuple[float, float]) -> Line:
    """A curve whose band ends where values do: no accuracy is above 100 percent."""
    low, high = bounds
    points = [Point(p.epoch, p.mean, max(p.low, low), min(p.high, high)) for p in line.points]
    return replace(line, points=points)


def band(line: Line, point: Point) -> tuple[float, ...]:
    """What of a point has to fit into the chart."""
    return (point.low, point.high) if line.is_main else (point.mean,)


def opening(name: str, title: str, description: str, height: float = HEIGHT) -> list[str]:
    """The start of an SVG with its title and description."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" '
        f'viewBox="0 0 {WIDTH:g} {height:g}" aria-labelledby="{name}-t {name}-d">',
        f'<title id="{name}-t">{escape(title)}</title>',
        f'<desc id="{name}-d">{escape(description)}</desc>',
    ]


def axes(x: Scale, y: Scale, x_label: str, y_label: str) -> list[str]:
    """Grid lines, ticks and the names of both axes."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for tick in y.ticks:
        parts.append(f'<path class="grid" d="M{LEFT:g} {y(tick):.1f}H{right:g}"/>')
        parts.append(text(LEFT - 6, y(tick) + 4, number(tick), "end"))
    parts.append(f'<path class="axis" d="M{LEFT:g} {bottom:g}H{right:g}"/>')
    for tick in x.ticks:
        parts.append(f'<path class="axis" d="M{x(tick):.1f} {bottom:g}v4"/>')
        parts.append(text(x(tick), bottom + 17, number(tick), "middle"))
    parts.append(text((LEFT + right) / 2, HEIGHT - 6, x_label, "middle"))
    middle = (TOP + bottom) / 2
    turned = f'transform="rotate(-90 12 {middle:g})"'
    parts.append(text(12, middle, y_label, "middle", turned))
    return parts


def area(line: Line, x: Scale, y: Scale) -> str:
    """The band of a curve."""
    upper = [f"{x(p.epoch):.1f} {y(p.high):.1f}" for p in line.points]
    lower = [f"{x(p.epoch):.1f} {y(p.low):.1f}" for p in reversed(line.points)]
    return f'<path class="band c{line.colour % COLOURS}" d="M{"L".join(upper + lower)}Z"/>'


def curve(line: Line, x: Scale, y: Scale, own_stroke: bool = False) -> str:
    """The curve itself; a single point is a dot."""
    if len(line.points) == 1:
        return dot_at(x(line.points[0].epoch), y(line.points[0].mean), line.colour)
    places = [f"{x(p.epoch):.1f} {y(p.mean):.1f}" for p in line.points]
    stroke = (line.colour // COLOURS + (line.colour if own_stroke else 0)) % STROKES
    style = " grey" if line.grey else " faint" if line.faint else f" s{stroke}" if stroke else ""
    return f'<path class="line c{line.colour % COLOURS}{style}" d="M{"L".join(places)}"/>'


def whiskers(dot: Dot, x: Scale, y: Scale) -> list[str]:
    """A mark and its standard deviations."""
    across = f"M{x(dot.x - dot.x_spread):.1f} {y(dot.y):.1f}H{x(dot.x + dot.x_spread):.1f}"
    along = f"M{x(dot.x):.1f} {y(dot.y - dot.y_spread):.1f}V{y(dot.y + dot.y_spread):.1f}"
    path = f'<path class="line c{dot.colour % COLOURS}" d="{across}{along}"/>'
    return [path, dot_at(x(dot.x), y(dot.y), dot.colour)]


def dot_at(x: float, y: float, colour: int) -> str:
    """A round mark."""
    return f'<circle class="dot c{colour % COLOURS}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def letter(owner: Line | Dot, x: float, y: float) -> str:
    """The letter that names a curve or a mark."""
    return text(x, y + 4, owner.letter, "start", f'class="letter c{owner.colour % COLOURS}"')


def text(x: float, y: float, content: str, anchor: str, extra: str = "") -> str:
    """A piece of text."""
    start = f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"{start}{' ' + extra if extra else ''}>{escape(content)}</text>"


def describe(line: Line) -> str:
    """A curve in words: where it starts and where it ends."""
    first, last = line.points[0], line.points[-1]
    return (
        f"{line.letter}: {number(first.mean)} at epoch {first.epoch}, "
        f"{number(last.mean)} at epoch {last.epoch}."
    )


def number(value: float) -> str:
    """A number with four digits at most."""
    return f"{value:.4g}".replace("-", "−")


def standalone(svg: str) -> str:
    """The chart as a file of its own, with its style inside."""
    head, rest = svg.split("\n", 1)
    return f"{head}\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n{rest}\n"
