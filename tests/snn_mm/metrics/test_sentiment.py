"""Scores over batches and ranks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.metrics.sentiment import SCORES, MOSEIScores, Protocol, SIMSScores
from snn_mm.metrics.sentiment_scores import rate


@pytest.fixture
def scored() -> tuple[Tensor, Tensor]:
    score, target = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    return score, target


def numbers(scores: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in scores.items()}


@pytest.mark.parametrize("protocol", SCORES)
def test_the_class_of_a_protocol_gives_the_scores_it_names(
    protocol: Protocol, scored: tuple[Tensor, Tensor]
) -> None:
    metric = SCORES[protocol]()
    metric.update(*scored)
    assert metric.protocol == protocol
    assert tuple(metric.compute()) == metric.names


@pytest.mark.parametrize("protocol", SCORES)
@pytest.mark.parametrize("cut", [0, 7, 50])
def test_two_ranks_give_the_scores_of_the_union(
    protocol: Protocol, cut: int, scored: tuple[Tensor, Tensor]
) -> None:
    score, target = scored
    first, second = SCORES[protocol](), SCORES[protocol]()
    first.update(score[:cut], target[:cut])
    second.update(score[cut:], target[cut:])
    first.merge_state(second)
    assert numbers(first.compute()) == numbers(rate(score, target, protocol))


def test_a_gathered_state_is_rated_as_one_and_given_back(scored: tuple[Tensor, Tensor]) -> None:
    score, target = scored
    metric = MOSEIScores()
    for part in (slice(0, 10), slice(10, 20)):
        metric.update(score[part], target[part])

    def gather(kept: Tensor, group: object) -> list[Tensor]:
        own = score if torch.equal(kept, score[:20]) else target
        return [own[:20], own[20:]]

    metric.dist_sync_fn = gather
    metric.distributed_available_fn = lambda: True
    assert numbers(metric.compute()) == numbers(rate(score, target, "mosei"))
    assert len(metric.score) == 2


def test_batches_are_rated_together_and_forgotten_by_reset(scored: tuple[Tensor, Tensor]) -> None:
    score, target = scored
    metric = SIMSScores()
    metric.update(target, -target)
    metric.reset()
    for part in (slice(0, 3), slice(3, 50)):
        metric.update(score[part], target[part])
    assert numbers(metric.compute()) == numbers(rate(score, target, "sims"))


def test_scores_of_no_sample_are_nan() -> None:
    metric = SIMSScores()
    metric.update(torch.empty(0), torch.empty(0))
    assert all(math.isnan(value) for value in numbers(metric.compute()).values())


@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
def test_scores_before_any_batch_are_nan() -> None:
    values = numbers(MOSEIScores().compute())
    assert tuple(values) == MOSEIScores.names
    assert all(math.isnan(value) for value in values.values())


def test_half_precision_is_rated_in_single_and_the_graph_is_let_go() -> None:
    metric = SIMSScores()
    metric.update(torch.ones(2, dtype=torch.bfloat16, requires_grad=True), torch.zeros(2))
    assert [(kept.dtype, kept.requires_grad) for kept in metric.score] == [(torch.float32, False)]


@pytest.mark.parametrize("shape", [(4, 1), (3,), ()])
def test_scores_of_another_shape_than_the_targets_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="both are"):
        SIMSScores().update(torch.zeros(shape), torch.zeros(4))


def test_predictions_that_are_no_numbers_end_in_one_message() -> None:
    metric = SIMSScores()
    metric.update(torch.tensor([math.nan]), torch.zeros(1))
    with pytest.raises(UserError, match="predicted scores: 1 of 1"):
        metric.compute()


def test_a_training_leaves_out_predictions_that_are_no_numbers(
    scored: tuple[Tensor, Tensor],
) -> None:
    score, target = scored
    metric = SIMSScores(strict=False)
    metric.update(score, target)
    metric.update(torch.tensor([math.nan, math.inf]), torch.zeros(2))
    assert numbers(metric.compute()) == numbers(rate(score, target, "sims"))
