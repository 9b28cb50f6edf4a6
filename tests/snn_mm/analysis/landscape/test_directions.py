from __future__ import annotations

import pytest
import torch
from torch import Tensor

from snn_mm.analysis.landscape.directions import draw_direction, normalise_filters


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return {
        "conv.weight": torch.randn(5, 3, 2, 2),
        "linear.weight": torch.randn(4, 7),
        "norm.weight": torch.ones(6),
        "linear.bias": torch.randn(4),
    }


@pytest.mark.parametrize("name", ["conv.weight", "linear.weight"])
def test_each_filter_of_the_direction_has_the_trained_filter_s_norm(
    weights: dict[str, Tensor], name: str
) -> None:
    direction = draw_direction(weights, seed=1, axis=0)[name]
    for drawn, trained in zip(direction, weights[name], strict=True):
        torch.testing.assert_close(drawn.norm(), trained.norm())


def test_only_the_length_of_a_filter_changes() -> None:
    drawn, weight = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2)
    cosines = torch.cosine_similarity(
        normalise_filters(drawn, weight).flatten(1), drawn.flatten(1), dim=1
    )
    torch.testing.assert_close(cosines, torch.ones(3))


def test_a_dead_filter_does_not_move() -> None:
    weight = torch.randn(2, 3)
    weight[1] = 0
    assert not normalise_filters(torch.randn(2, 3), weight)[1].any()


def test_vectors_are_ignored_unless_asked_for(weights: dict[str, Tensor]) -> None:
    ignored = draw_direction(weights, seed=0, axis=0)
    moved = draw_direction(weights, seed=0, axis=0, vectors="normalised")
    for name in ("norm.weight", "linear.bias"):
        assert not ignored[name].any()
        torch.testing.assert_close(moved[name].norm(), weights[name].norm())
    assert torch.equal(ignored["conv.weight"], moved["conv.weight"])


def test_two_trainings_of_one_architecture_share_the_random_numbers(
    weights: dict[str, Tensor],
) -> None:
    """Whatever other parameters there are, and in whatever order."""
    other = {name: 2 * weights[name] for name in reversed(weights)} | {"more": torch.randn(3, 3)}
    one, two = draw_direction(weights, 3, 0), draw_direction(other, 3, 0)
    for name in weights:
        torch.testing.assert_close(two[name], 2 * one[name])


def test_seeds_and_axes_differ(weights: dict[str, Tensor]) -> None:
    drawn = [draw_direction(weights, *key)["linear.weight"] for key in ((0, 0), (0, 1), (1, 0))]
    assert not any(torch.equal(drawn[i], drawn[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
