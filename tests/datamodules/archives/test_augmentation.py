"""Movements are changed as far as they may be, and by no draw not at all."""

from __future__ import annotations

import numpy as np
import pytest

from datamodules.archives.augmentation import MovementAugmentation, rotation, warped_times
from snn_mm.errors import UserError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_nothing_changes_where_nothing_may() -> None:
    x = rng().normal(size=(9, 20, 3)).astype(np.float32)
    assert np.array_equal(MovementAugmentation(0, 0, 0)(x, rng()), x)


def test_a_rotation_keeps_lengths_and_angles() -> None:
    for seed in range(5):
        matrix = rotation(rng(seed).normal(size=3), 2.0)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-6)
        assert np.trace(matrix) == pytest.approx(1 + 2 * np.cos(2.0), abs=1e-6)


def test_time_goes_forward_within_the_recording_and_leaves_out_little() -> None:
    for seed in range(20):
        times = warped_times(50, 0.4, rng(seed))
        assert len(times) == 50
        assert (np.diff(times) > 0).all()
        assert 0 <= times[0] <= 0.1 * 49
        assert 0.9 * 49 <= times[-1] <= 49


def test_one_step_stays_one_step() -> None:
    x = np.ones((1, 2, 3), np.float32)
    assert MovementAugmentation(angle=0, size=0)(x, rng()).tolist() == x.tolist()


def test_sizes_stay_within_what_is_allowed() -> None:
    x = np.ones((4, 3), np.float32)
    for seed in range(20):
        changed = MovementAugmentation(speed=0, angle=0, size=0.2)(x, rng(seed))
        assert (np.abs(changed - 1) <= 0.2 + 1e-6).all()
        assert not np.array_equal(changed, x)


@pytest.mark.parametrize("wrong", [{"speed": 1.0}, {"angle": -1.0}, {"size": 2.0}])
def test_what_would_not_be_a_movement_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        MovementAugmentation(**wrong)
