"""What a rank evaluates, and how often training shows a class."""

from __future__ import annotations

import numpy as np
import pytest

from datamodules.sampler import BalancedSampler, ShareSampler
from snn_mm.errors import UserError


@pytest.mark.parametrize("size", [3, 7, 9])
def test_every_sample_is_evaluated_once_over_all_ranks(size: int) -> None:
    shares = [ShareSampler(range(size), 3, rank) for rank in range(3)]
    assert sorted(index for share in shares for index in share) == list(range(size))
    assert [len(share) for share in shares] == [len(list(share)) for share in shares]
    assert all(list(share) == sorted(share) for share in shares)


def test_a_rank_without_a_sample_is_refused() -> None:
    with pytest.raises(UserError, match=r"3 ranks can't share 2 .*\naccepted: up to 2 ranks"):
        ShareSampler(range(2), 3, 0)


def test_a_balanced_order_shows_every_class_equally_often_on_all_ranks() -> None:
    labels = np.array([0] * 90 + [1] * 8 + [2] * 22)
    shown = []
    for rank in range(2):
        sampler = BalancedSampler(range(120), labels, 2, rank, seed=3)
        sampler.set_epoch(1)
        assert len(sampler) == len(list(sampler)) == 60
        draws = list(sampler)
        shown += [draw.row for draw in draws]
        assert {draw.epoch for draw in draws} == {1}
    assert np.bincount(labels[shown]).tolist() == [40, 40, 40]
    assert {shown.count(rare) for rare in range(90, 98)} == {5}


def test_a_balanced_order_depends_on_seed_and_epoch_alone_and_goes_on_amid_one() -> None:
    labels = np.arange(30) % 4
    whole = BalancedSampler(range(30), labels, 1, 0, seed=0)
    first, again = list(whole), list(whole)
    whole.set_epoch(1)
    assert first == again != list(whole)
    later = BalancedSampler(range(30), labels, 1, 0, seed=0)
    later.begin_at(1, 10)
    assert list(later) == list(whole)[10:]
