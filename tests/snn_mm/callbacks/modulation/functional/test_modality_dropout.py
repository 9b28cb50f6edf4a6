from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from snn_mm.callbacks.modulation.functional.modality_dropout import kept_modalities, ramp

PROBABILITIES = {"audio": 0.6, "visual": 0.3, "touch": 0.8}


def test_subsets_are_as_frequent_as_the_formula_says_and_none_is_empty() -> None:
    draws = 20_000
    found = Counter(frozenset(kept_modalities(PROBABILITIES, 0, i)) for i in range(draws))
    subsets = [frozenset(s) for size in (1, 2, 3) for s in combinations(PROBABILITIES, size)]
    weights = np.array(
        [np.prod([1 - p if name in s else p for name, p in PROBABILITIES.items()]) for s in subsets]
    )
    expected = draws * weights / weights.sum()
    assert set(found) == set(subsets)
    for subset, count in zip(subsets, expected):
        assert found[subset] == pytest.approx(count, abs=4.5 * np.sqrt(count))


def test_a_draw_depends_on_its_words_alone() -> None:
    words = [
        (seed, epoch, name) for seed in (0, 1) for epoch in (0, 1) for name in map(str, range(64))
    ]
    once, again = ([kept_modalities(PROBABILITIES, *each) for each in words] for _ in range(2))
    assert once == again
    assert once[:64] != once[64:128]  # the epoch
    assert once[:64] != once[128:192]  # the seed
    assert kept_modalities(PROBABILITIES, 1, 23) == kept_modalities(
        dict(reversed(PROBABILITIES.items())), 1, 23
    )


def test_what_is_sure_to_be_lost_is_lost_unless_nothing_else_is_there() -> None:
    assert kept_modalities({"audio": 1.0, "visual": 0.9}, 0) == {"visual"}
    assert kept_modalities({"audio": 1.0}, 0) == {"audio"}
    assert ramp(0, 0) == 1.0
