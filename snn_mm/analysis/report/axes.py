"""Ticks and scales of a chart; pure functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """Maps values to places linearly.

    Attributes:
        low: the value at `start`; `high` the value at `end`.
        start: place in the drawing; `end` likewise.
        ticks: values to mark, within the range.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """Place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def nice_step(span: float, count: int, whole: bool = False) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that needs at most `count` steps.

    Args:
        span: length of the axis, positive.
        count: most steps wanted.
        whole: whether only whole steps make sense, as for epochs.
    """
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    steps = [step * power for step in NICE_STEPS if step * power >= rough * (1 - 1e-9)]
    step = steps[0] if steps else 10 * power
    return max(1.0, math.ceil(step)) if whole else step


def make_scale(
    values: Sequence[float],
    start: float,
    end: float,
    count: int = 5,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    whole: bool = False,
) -> Scale:
    """A scale whose ends are ticks around all values.

    Args:
        values: what has to fit; not empty.
        start: place of the lower end in the drawing.
        end: place of the upper end.
        count: most steps between ticks.
        bounds: ends that it must not pass, such as 0 and 100 for percent.
        whole: whether ticks are whole numbers and the ends are those of the values.
    """
    low, high = min(values), max(values)
    if high - low < 1e-9 * max(1.0, abs(high)):
        pad = 1.0 if whole else max(abs(high) * 0.05, 1e-3)
        low, high = low - (0 if whole else pad), high + pad
    step = nice_step(high - low, count, whole)
    if not whole:
        low = max(bounds[0], math.floor(low / step + 1e-9) * step)
        high = min(bounds[1], math.ceil(high / step - 1e-9) * step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(round(i * step, 12) for i in range(first, last + 1))
    return Scale(low, high, start, end, ticks)


def spread_labels(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart until each is `gap` from the next, within the range if they fit.

    Args:
        places: where each label would like to be.
        gap: least distance.
        low: first place allowed.
        high: last place allowed.
    """
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    before = low - gap
    for i in order:
        moved[i] = before = max(moved[i], before + gap)
    after = high + gap
    for i in reversed(order):
        moved[i] = after = min(moved[i], after - gap)
    return moved
