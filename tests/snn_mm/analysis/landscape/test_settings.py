from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn_mm.analysis.landscape.settings import LandscapeSettings
from snn_mm.errors import UserError


def test_the_middle_is_exactly_the_trained_network() -> None:
    for extent in (0.3, 0.7, 1.0):
        settings = LandscapeSettings(resolution=7, extent=extent)
        assert settings.ticks[3] == 0.0
        assert settings.points[24] == (0.0, 0.0)
        np.testing.assert_allclose(settings.ticks, np.linspace(-extent, extent, 7))


def test_a_line_has_one_row_and_a_plane_goes_row_by_row() -> None:
    assert LandscapeSettings(dimensions=1, resolution=3).points == [
        (-1.0, 0.0),
        (0.0, 0.0),
        (1.0, 0.0),
    ]
    assert LandscapeSettings(resolution=3).points[:4] == [(-1, -1), (0, -1), (1, -1), (-1, 0)]


def test_every_setting_and_the_weights_name_another_file() -> None:
    base = LandscapeSettings()
    others = [
        replace(base, **change)
        for change in (
            {"dimensions": 1},
            {"resolution": 11},
            {"extent": 0.5},
            {"split": "train"},
            {"samples": 5},
            {"batch_norm": "frozen"},
            {"scope": "fusion"},
            {"vectors": "normalised"},
            {"seed": 1},
        )
    ]
    names = {base.name("a"), base.name("b"), *(other.name("a") for other in others)}
    assert len(names) == 2 + len(others)
    assert LandscapeSettings().name("a") == base.name("a")


@pytest.mark.parametrize(
    "change", [{"resolution": 10}, {"resolution": 1}, {"extent": 0.0}, {"samples": 0}, {"seed": -1}]
)
def test_settings_without_sense_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(UserError, match=r"^--"):
        LandscapeSettings(**change)  # type: ignore[arg-type]
