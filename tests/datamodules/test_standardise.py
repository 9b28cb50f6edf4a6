from __future__ import annotations

import numpy as np
import pytest

from datamodules.standardise import standardised
from snn_mm.errors import UserError

GROUPS = ["a", "a", "b", "b", "c", "c"]
TRAINING = [True, True, True, True, False, False]


def vectors() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    offsets = {"a": 0.0, "b": 10.0, "c": -30.0}
    return [offsets[group] + rng.normal(size=(3,)) * [1, 5, 9] for group in GROUPS]


def test_the_training_part_alone_decides() -> None:
    values = vectors()
    found = standardised(values, "training_part", TRAINING)
    train = np.stack(values[:4])
    wanted = (np.stack(values) - train.mean(0)) / train.std(0)
    np.testing.assert_allclose(np.stack(found), wanted, rtol=1e-5)  # type: ignore[arg-type]
    values[5] = values[5] + 1e6
    again = standardised(values, "training_part", TRAINING)
    np.testing.assert_array_equal(again[:5], found[:5])  # type: ignore[arg-type]


def test_each_group_gets_mean_zero_and_deviation_one_in_every_part() -> None:
    found = standardised(vectors(), "each_group", TRAINING, GROUPS)
    for first in (0, 2, 4):
        own = np.stack(found[first : first + 2])  # type: ignore[arg-type]
        np.testing.assert_allclose(own.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(own.std(0), 1, rtol=1e-5)


def test_sequences_count_by_step_and_absent_samples_not_at_all() -> None:
    rng = np.random.default_rng(1)
    values = [rng.normal(5, 2, (length, 2)) for length in (1, 7, 3)]
    found = standardised([*values, None], "training_part", [True, True, False, True])
    steps = np.concatenate(values[:2])
    for own, x in zip(found, values):
        np.testing.assert_allclose(own, (x - steps.mean(0)) / steps.std(0), rtol=1e-4, atol=1e-5)
    assert found[3] is None


def test_none_leaves_the_values_as_they_are() -> None:
    found = standardised([*vectors(), None], "none", [*TRAINING, True])
    np.testing.assert_allclose(np.stack(found[:6]), np.stack(vectors()), rtol=1e-6)  # type: ignore[arg-type]


def test_what_can_not_be_fitted_is_told() -> None:
    with pytest.raises(UserError, match="name no groups"):
        standardised(vectors(), "each_group", TRAINING)
    with pytest.raises(UserError, match="no training sample"):
        standardised([None, vectors()[0]], "training_part", [True, False])
    with pytest.raises(UserError, match=r"data\.standardise"):
        standardised(vectors(), "speaker", TRAINING)  # type: ignore[arg-type]
