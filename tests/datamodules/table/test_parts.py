"""Scales of a table's features are of the rows that they should be of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from datamodules.division import members_of
from datamodules.table.files import Kind
from datamodules.table.parts import fit_scales
from datamodules.table.split import StoredInputs

GROUPS = ["a", "a", "b", "b", "c", "c"]
TRAINING = np.arange(4)


def vectors() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    offsets = {"a": 0.0, "b": 10.0, "c": -30.0}
    return [offsets[group] + rng.normal(size=(1, 3)) * [1, 5, 9] for group in GROUPS]


def standardised(
    values: Sequence[np.ndarray],
    training: Any = TRAINING,
    groups: Sequence[str] | None = None,
    kind: Kind = "vector",
) -> list[np.ndarray]:
    """What a table's inputs become; a row without steps has none of the modality."""
    starts = np.cumsum([0, *map(len, values)])
    stored = {"values": np.concatenate(values), "starts": starts}
    scales = fit_scales(stored, kind, members_of(np.asarray(training), groups))
    reader = StoredInputs(stored, kind, scales, groups)
    return [reader(row) for row, x in enumerate(values) if len(x)]


def test_the_training_part_alone_decides() -> None:
    values = vectors()
    found = standardised(values)
    train = np.concatenate(values[:4])
    wanted = (np.concatenate(values) - train.mean(0)) / train.std(0)
    np.testing.assert_allclose(np.stack(found), wanted, rtol=1e-5)
    values[5] = values[5] + 1e6
    np.testing.assert_array_equal(standardised(values)[:5], found[:5])


def test_each_group_gets_mean_zero_and_deviation_one_in_every_part() -> None:
    found = standardised(vectors(), groups=GROUPS)
    for first in (0, 2, 4):
        own = np.stack(found[first : first + 2])
        np.testing.assert_allclose(own.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(own.std(0), 1, rtol=1e-5)


def test_sequences_count_by_step_and_absent_samples_not_at_all() -> None:
    rng = np.random.default_rng(1)
    values = [rng.normal(5, 2, (length, 2)) for length in (1, 7, 3)]
    found = standardised([*values, np.empty((0, 2))], [0, 1, 3], kind="sequence")
    steps = np.concatenate(values[:2])
    for own, x in zip(found, values, strict=True):
        np.testing.assert_allclose(own, (x - steps.mean(0)) / steps.std(0), rtol=1e-4, atol=1e-5)
