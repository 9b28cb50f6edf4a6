"""Means over seeds and an exact paired test; pure functions of numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

LARGEST_EXACT = 16
"""Pairs up to which all sign patterns are counted (2^15 of them by symmetry)."""
DRAWS = 20_000
"""Sign patterns that are drawn beyond that."""


class MeanDeviation(NamedTuple):
    """Mean, sample standard deviation (NaN for one value) and number of values."""

    mean: float
    deviation: float
    size: int

    @property
    def spread(self) -> float:
        """The standard deviation, 0 where one value has none."""
        return 0.0 if math.isnan(self.deviation) else self.deviation

    def times(self, scale: float) -> MeanDeviation:
        """The same in another unit."""
        return MeanDeviation(scale * self.mean, scale * self.deviation, self.size)


class PairedTest(NamedTuple):
    """Mean difference, two-sided p, number of pairs and the smallest p that they allow."""

    difference: float
    p: float
    pairs: int
    smallest_p: float


def summarise(values: Sequence[float]) -> MeanDeviation | None:
    """Mean and sample standard deviation (n - 1 in the denominator); None for no values."""
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    return MeanDeviation(statistics.fmean(values), deviation, len(values))


def paired_test(ours: Sequence[float], baseline: Sequence[float]) -> PairedTest | None:
    """Two-sided sign-flip permutation test of paired values; None for no pairs.

    Under the null hypothesis each difference is as likely as its negative, so p is the share of the
    2^n sign patterns whose sum is at least as far from zero as the observed one (Fisher 1935,
    The Design of Experiments, section 21). No distribution is assumed; n pairs cannot give less
    than 2 / 2^n, which is 0.25 for three seeds and 0.0625 for five.

    Args:
        ours: one value per pair.
        baseline: its partner.
    """
    differences = [a - b for a, b in zip(ours, baseline, strict=True)]
    n = len(differences)
    if n == 0:
        return None
    mean = statistics.fmean(differences)
    if n <= LARGEST_EXACT:
        return PairedTest(mean, exact_p(differences), n, min(1.0, 2.0 ** (1 - n)))
    return PairedTest(mean, sampled_p(differences), n, 1 / (DRAWS + 1))


def exact_p(differences: Sequence[float]) -> float:
    """Share of all sign patterns that are at least as extreme; the first sign may be kept."""
    first, *rest = differences
    sums = [first]
    for value in rest:
        sums = [total + value for total in sums] + [total - value for total in sums]
    return sum(map(_at_least(differences), sums)) / len(sums)


def sampled_p(differences: Sequence[float]) -> float:
    """The same share among random patterns; the observed one counts, so p is never zero."""
    source = Random(0)  # noqa: S311 a fixed seed, so that a report can be repeated
    extreme = _at_least(differences)
    hits = 0
    for _ in range(DRAWS):
        signs = source.getrandbits(len(differences))
        hits += extreme(sum(-d if signs >> i & 1 else d for i, d in enumerate(differences)))
    return (hits + 1) / (DRAWS + 1)


def _at_least(differences: Sequence[float]) -> Callable[[float], bool]:
    """Whether a sum is as far from zero as that of the differences, up to rounding."""
    threshold = abs(math.fsum(differences)) - 1e-9 * sum(map(abs, differences))
    return lambda total: abs(total) >= threshold
