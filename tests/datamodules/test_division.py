"""Clips are divided class by class, whole groups at a time."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from datamodules.division import cut_groups, listed, warn_of_small_classes
from snn_mm.errors import UserError

CREMA_D = np.repeat(np.arange(6), [1271, 1271, 1271, 1271, 1087, 1271])


def alone(labels: np.ndarray) -> list[str]:
    return [str(row) for row in range(len(labels))]


def cut(labels: np.ndarray, groups: list[str], fraction: float, seed: int = 0) -> tuple:
    return cut_groups(labels, groups, fraction, np.random.default_rng(seed))


def test_a_random_cut_takes_its_share_of_each_class() -> None:
    stay, off = cut(CREMA_D, alone(CREMA_D), 0.1)
    assert np.bincount(CREMA_D[off]).tolist() == [127, 127, 127, 127, 109, 127]
    assert sorted([*stay, *off]) == list(range(7442))


def test_a_cut_depends_on_the_stream_alone() -> None:
    parts = [cut(CREMA_D, alone(CREMA_D), 0.1, seed)[1].tolist() for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


def test_no_group_is_torn_apart_and_the_share_is_near() -> None:
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 6, 7442), rng.integers(1001, 1092, 7442).astype(str)
    stay, off = cut(labels, groups.tolist(), 0.1)
    assert not set(groups[stay]) & set(groups[off])
    np.testing.assert_allclose(np.bincount(labels[off]), np.bincount(labels) / 10, atol=25)


def test_a_group_of_two_classes_is_not_torn_apart() -> None:
    labels, groups = np.array([0, 0, 1, 1, 0, 1]), ["a", "b", "a", "c", "c", "d"]
    for seed in range(10):
        stay, off = cut(labels, groups, 0.5, seed)
        assert not {groups[row] for row in stay} & {groups[row] for row in off}


def test_the_smallest_class_gives_one_clip() -> None:
    labels = np.array([0] * 30 + [1] * 2)
    assert np.bincount(labels[cut(labels, alone(labels), 0.1)[1]]).tolist() == [3, 1]


def test_a_fraction_of_0_cuts_nothing() -> None:
    stay, off = cut(CREMA_D, alone(CREMA_D), 0.0)
    assert (len(stay), len(off)) == (7442, 0)


def test_classes_smaller_than_the_number_of_parts_are_named_with_their_place() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2, 3, 3, 3])
    train, val, test = np.array([0, 4, 6]), np.array([1, 7]), np.array([2, 3, 5, 8])
    message = (
        r"2 classes have fewer clips than the 3 parts they are divided into: "
        r"b \(1 in test\), c \(2 in train, test\)\.$"
    )
    with pytest.warns(UserWarning, match=message):
        warn_of_small_classes(labels, {"train": train, "val": val, "test": test}, "abcde")


def test_a_class_needs_a_clip_for_each_part_that_is_not_another() -> None:
    labels, rows = np.array([0, 0, 1, 1]), np.array([1, 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_small_classes(labels, {"train": np.array([0, 2]), "val": rows, "test": rows}, "ab")


def test_listed_rows_are_those_of_the_list() -> None:
    train, test = listed(["train", "test", "train"], "crema_d")
    assert (train.tolist(), test.tolist()) == ([0, 2], [1])


def test_clips_in_no_list_are_refused() -> None:
    with pytest.raises(UserError, match="1 of 2 clips of crema_d are in no list"):
        listed(["train", ""], "crema_d")
