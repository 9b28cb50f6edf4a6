"""Seeded cuts and class-wise pairs."""

from __future__ import annotations

import numpy as np
import pytest

from datamodules.pairing import check_fractions, cut, pair_by_class, stratified_cut, stream
from snn_mm.errors import UserError

LABELS = np.repeat(np.arange(3), 10)


def test_cut_shares_out_every_row_once() -> None:
    parts = cut(np.arange(20), (0.1, 0.2), stream(0))
    assert [len(part) for part in parts] == [2, 4, 14]
    assert sorted(np.concatenate(parts)) == list(range(20))


def test_stratified_cut_takes_the_same_part_of_each_class() -> None:
    val, train = stratified_cut(LABELS, [0.2], stream(0))
    assert np.bincount(LABELS[val]).tolist() == [2, 2, 2]
    assert sorted([*val, *train]) == list(range(30))


def test_pairs_join_different_partners_of_the_same_class() -> None:
    left, right = pair_by_class(LABELS, LABELS[::-1], 4, stream(0))
    assert (LABELS[left] == LABELS[::-1][right]).all()
    assert np.bincount(left).tolist() == [4] * 30
    assert len(set(zip(left.tolist(), right.tolist(), strict=True))) == 120


def test_pairs_depend_on_the_seed_alone() -> None:
    first = pair_by_class(LABELS, LABELS, 2, stream(0, "pairs"))
    assert np.array_equal(first, pair_by_class(LABELS, LABELS, 2, stream(0, "pairs")))
    assert not np.array_equal(first, pair_by_class(LABELS, LABELS, 2, stream(1, "pairs")))


def test_streams_of_different_purpose_differ() -> None:
    draws = [stream(0, *purpose).random() for purpose in (("a",), ("b",), ("a", 0), ("a", 1))]
    assert len(set(draws)) == 4


def test_a_class_without_enough_partners_is_refused() -> None:
    with pytest.raises(UserError, match="Class 2 has 1 recordings to pair with"):
        pair_by_class(LABELS, LABELS[:21], 2, stream(0))


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (-0.1, 0.2)])
def test_fractions_that_leave_nothing_to_train_on_are_refused(
    fractions: tuple[float, float],
) -> None:
    with pytest.raises(UserError, match="val_fraction="):
        check_fractions(val_fraction=fractions[0], test_fraction=fractions[1])
