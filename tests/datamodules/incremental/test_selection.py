"""Exemplars: how many, which, and that they shrink to a prefix."""

from __future__ import annotations

import numpy as np
import pytest
from incremental_data import TaskToy

from datamodules.incremental.selection import exemplar_rows
from snn_mm.errors import UserError

LABELS = np.arange(60) % 6


def test_a_task_keeps_equally_many_exemplars_of_each_earlier_class() -> None:
    data = TaskToy(memory=9)
    labels = data.split("train").labels
    counts = [np.bincount(labels[data.exemplars(k)], minlength=6).tolist() for k in range(3)]
    assert counts == [[0] * 6, [4, 4, 0, 0, 0, 0], [2, 2, 2, 2, 0, 0]]


def test_fewer_places_keep_the_first_of_the_same_exemplars() -> None:
    many, few = exemplar_rows(LABELS, [3], 7, seed=1), exemplar_rows(LABELS, [3], 4, seed=1)
    assert many[:4].tolist() == few.tolist()
    assert set(LABELS[many]) == {3}
    assert len(set(many.tolist())) == 7


def test_the_choice_depends_on_the_seed_and_not_on_other_classes() -> None:
    alone = exemplar_rows(LABELS, [4], 5, seed=0)
    assert exemplar_rows(LABELS, [2, 4], 5, seed=0)[5:].tolist() == alone.tolist()
    assert exemplar_rows(LABELS, [4], 5, seed=1).tolist() != alone.tolist()


def test_a_class_with_fewer_samples_keeps_them_all() -> None:
    data = TaskToy([0, 1, 1, 1, 1, 2, 3, 4, 5], memory=6)
    chosen = data.split("train").labels[data.exemplars(1)]  # type: ignore[attr-defined]
    assert sorted(chosen.tolist()) == [0, 1, 1, 1]


def test_a_memory_below_one_exemplar_a_class_is_refused() -> None:
    with pytest.raises(UserError, match=r"memory is 3.* of the 4 classes .* 0 .* and 4 or more"):
        TaskToy(memory=3).setup("fit")
    TaskToy(memory=4).setup("fit")
