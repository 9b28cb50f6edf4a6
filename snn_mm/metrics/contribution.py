"""Who contributes what: Shapley values of modalities, and their conditional utilisation.

A value function v(S) says what a network is worth of which the modalities of S are present, such as
its accuracy, or the probability that it gives the true class of a sample. v(∅) is what one is worth
who sees nothing; whoever makes a value function says what that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import factorial

import torch
from torch import Tensor

Coalition = frozenset[str]
"""Names of the modalities that are present."""

Values = Mapping[Coalition, Tensor]
"""v(S) of every coalition, of one shape `[...]`: a scalar of a set, `[N]` of its samples."""


def coalitions(names: Sequence[str]) -> Iterator[Coalition]:
    """Every coalition of some modalities, smaller ones first, from ∅ to all of them.

    Example:
        >>> [sorted(coalition) for coalition in coalitions(["a", "v"])]
        [[], ['a'], ['v'], ['a', 'v']]
    """
    for size in range(len(names) + 1):
        yield from map(frozenset, combinations(names, size))


def shapley_values(values: Values) -> dict[str, Tensor]:
    """Shapley value of each modality, `[...]` in float64.

    φ_m = Σ_{S ⊆ M∖m} |S|! (|M| − |S| − 1)! / |M|! · (v(S ∪ m) − v(S)); the φ add up to
    v(M) − v(∅).

    Source: Shapley, "A value for n-person games" (1953), Eq. 12; as a measure of how balanced a
    multimodal network is Xu et al., "BalanceBenchmark" (2025), by accuracy, and Wei et al.,
    "Enhancing multimodal cooperation via sample-level modality valuation" (CVPR 2024), by sample.
    BalanceBenchmark's code leaves the weights out: of two modalities it gives twice the value.

    Args:
        values: v(S) `[...]` of all 2^M coalitions.

    Example:
        >>> v = {"": 0.5, "a": 0.9, "v": 0.6, "av": 1.0}
        >>> found = shapley_values({frozenset(s): torch.tensor(x) for s, x in v.items()})
        >>> {name: round(float(value), 4) for name, value in found.items()}
        {'a': 0.4, 'v': 0.1}
    """
    exact = {coalition: value.double() for coalition, value in values.items()}
    names = sorted(frozenset().union(*exact))
    found = {name: torch.zeros_like(exact[frozenset()]) for name in names}
    for name in names:
        for others in coalitions([other for other in names if other != name]):
            weight = factorial(len(others)) * factorial(len(names) - len(others) - 1)
            gain = exact[others | {name}] - exact[others]
            found[name] = found[name] + weight / factorial(len(names)) * gain
    return found


def conditional_utilisation(values: Values) -> dict[str, Tensor]:
    """Conditional utilisation rate of each modality given all others, `[...]` in float64.

    u(m | M∖m) = (A(M) − A(M∖m)) / A(M): the part of the accuracy that is lost without it.

    Source: Wu et al., "Characterizing and overcoming the greedy nature of learning in multi-modal
    deep neural networks" (ICML 2022), section 3, for two modalities. There the network without m
    has its fusion fed with mean activations of m; here m is absent. NaN where A(M) is 0.

    Args:
        values: accuracies A(S) `[...]`, of all modalities and of all but one at least.

    Example:
        >>> v = {"a": 0.9, "v": 0.6, "av": 1.0}
        >>> found = conditional_utilisation({frozenset(s): torch.tensor(x) for s, x in v.items()})
        >>> {name: round(float(value), 4) for name, value in found.items()}
        {'a': 0.4, 'v': 0.1}
    """
    whole: Coalition = frozenset().union(*values)
    all_of_them = values[whole].double()
    return {
        name: (all_of_them - values[whole - {name}].double()) / all_of_them
        for name in sorted(whole)
    }
