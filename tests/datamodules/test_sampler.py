"""What a rank evaluates."""

from __future__ import annotations

import pytest

from datamodules.sampler import ShareSampler
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
