"""Shapley values and conditional utilisation, against their definitions."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from torch import Tensor

from snn_mm.metrics.contribution import (
    Coalition,
    coalitions,
    conditional_utilisation,
    shapley_values,
)

NAMES = ("audio", "visual", "text", "inertial", "skeleton")


def drawn(count: int, *shape: int, seed: int = 0) -> dict[Coalition, Tensor]:
    """Any value function at all: nothing need be monotonous or additive."""
    source = torch.Generator().manual_seed(seed)
    drawing = {"generator": source, "dtype": torch.float64}
    return {each: torch.randn(shape, **drawing) for each in coalitions(NAMES[:count])}


def by_permutations(values: dict[Coalition, Tensor], names: tuple[str, ...]) -> dict[str, Tensor]:
    """The mean over all orders of arrival of what a modality adds when it arrives."""
    orders = list(permutations(names))
    found = {name: torch.zeros_like(values[frozenset()]) for name in names}
    for order in orders:
        for place, name in enumerate(order):
            before = frozenset(order[:place])
            found[name] += (values[before | {name}] - values[before]) / len(orders)
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_shapley_values_are_the_mean_over_all_orders_of_arrival(count: int) -> None:
    values = drawn(count, 7)
    expected = by_permutations(values, NAMES[:count])
    found = shapley_values(values)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert (value - expected[name]).abs().max() < 1e-12


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("seed", range(5))
def test_they_add_up_to_what_all_are_worth_beyond_none(count: int, seed: int) -> None:
    values = drawn(count, 3, seed=seed)
    total = sum(shapley_values(values).values())
    whole = values[frozenset(NAMES[:count])] - values[frozenset()]
    assert (total - whole).abs().max() < 1e-12


def test_who_never_adds_anything_is_worth_nothing_and_twins_are_worth_the_same() -> None:
    values = {
        each: torch.tensor(float(bool(each & {"audio", "visual"})))
        for each in coalitions(["audio", "text", "visual"])
    }
    found = shapley_values(values)
    assert float(found["text"]) == 0.0
    assert float(found["audio"]) == float(found["visual"]) == 0.5


def test_values_in_float32_are_added_in_float64() -> None:
    values = {each: value.float() for each, value in drawn(4, 3).items()}
    total = sum(shapley_values(values).values())
    whole = values[frozenset(NAMES[:4])].double() - values[frozenset()].double()
    assert (total - whole).abs().max() < 1e-12


def test_utilisation_is_the_part_of_the_accuracy_that_is_lost_without() -> None:
    values = {each: torch.tensor(0.2 + 0.2 * len(each)) for each in coalitions(NAMES[:3])}
    values[frozenset({"audio", "visual"})] = torch.tensor(0.8)
    found = conditional_utilisation(values)
    assert {name: round(float(x), 6) for name, x in found.items()} == {
        "audio": 0.25,
        "text": 0.0,
        "visual": 0.25,
    }
    nothing = dict.fromkeys(coalitions(["audio", "visual"]), torch.zeros(()))
    assert all(x.isnan() for x in conditional_utilisation(nothing).values())
