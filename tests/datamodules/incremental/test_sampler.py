"""Replay batches: their parts, their order, and their shards over ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from datamodules.incremental.sampler import ReplaySampler
from datamodules.split import Draw

CURRENT, EXEMPLARS = np.arange(100, 124), np.arange(7)


def batches(epoch: int = 0, **options: Any) -> list[list[int]]:
    """Rows of each batch of an epoch."""
    defaults = {"current": CURRENT, "exemplars": EXEMPLARS, "batch_size": 5, "exemplar_batch": 3}
    sampler = ReplaySampler(**{**defaults, **options})
    sampler.set_epoch(epoch)
    drawn = list(sampler)
    assert len(sampler) == len(drawn)
    assert {draw.epoch for batch in drawn for draw in batch} <= {epoch}
    return [[draw.row for draw in batch] for batch in drawn]


def test_exemplars_follow_the_samples_of_the_task_also_in_a_short_batch() -> None:
    drawn = batches()
    assert [len(batch) for batch in drawn] == [8, 8, 8, 8, 7]
    assert sorted(row for batch in drawn for row in batch[:-3]) == CURRENT.tolist()
    assert all(row in EXEMPLARS for batch in drawn for row in batch[-3:])


def test_exemplars_are_cycled_and_none_is_twice_in_a_batch() -> None:
    drawn = [batch[-3:] for batch in batches()]
    assert all(len(set(batch)) == 3 for batch in drawn)
    stream = [row for batch in drawn for row in batch]
    assert sorted(stream[:7]) == EXEMPLARS.tolist()
    assert stream[7:14] == stream[:7]


def test_a_small_memory_is_whole_in_every_batch() -> None:
    for batch in batches(exemplar_batch=128):
        assert sorted(batch[-7:]) == EXEMPLARS.tolist()


def test_without_exemplars_a_batch_is_samples_of_the_task() -> None:
    assert [len(batch) for batch in batches(exemplars=EXEMPLARS[:0])] == [5, 5, 5, 5, 4]


def test_drop_last_leaves_out_the_short_batch() -> None:
    assert [len(batch) for batch in batches(drop_last=True)] == [8, 8, 8, 8]


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    assert batches(3, seed=2) == batches(3, seed=2)
    assert batches(3) != batches(4)
    for part in (slice(-3), slice(-3, None)):
        assert [b[part] for b in batches(0)] != [b[part] for b in batches(1)]
        assert [b[part] for b in batches(0)] != [b[part] for b in batches(0, seed=1)]


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_together_are_the_batches_of_one_process(ranks: int) -> None:
    shards = [batches(num_replicas=ranks, rank=rank, batch_size=2) for rank in range(ranks)]
    single = batches(batch_size=2 * ranks, exemplar_batch=3 * ranks)
    for parts, whole in zip(zip(*shards, strict=True), single, strict=True):
        rows = [row for part in parts for row in part]
        assert sorted(rows) == sorted(whole)
        assert len(set(rows)) == len(rows)


def test_a_draw_names_epoch_and_row() -> None:
    sampler = ReplaySampler(CURRENT[:1], EXEMPLARS[:0], 1, 1)
    sampler.set_epoch(6)
    assert list(sampler) == [[Draw(6, 100)]]
