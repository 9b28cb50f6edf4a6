"""GRID's mouths: found wherever the head is, by the training part alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from datamodules.archives.mouth import MOUTH, REACH, cut_mouths, find_places, learn_template

PLACES = np.array([(0, 0), (3, -2), (-4, 5), (2, 4), (-1, -6), (1, 2), (-2, 0), (0, -3)])


@pytest.fixture
def films() -> Any:
    """One face `[8, 5, 28, 40]` in places of its own, with a mouth that moves, and other light."""
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.normal(size=(28 + 2 * REACH, 40 + 2 * REACH)), 2)
    face = 100 + 40 * texture / texture.std()
    films = []
    for place, light in zip(PLACES, np.linspace(0.8, 1.4, len(PLACES))):
        rows, columns = (slice(REACH - d, REACH - d + n) for d, n in zip(place, (28, 40)))
        film = np.repeat(face[None, rows, columns], 5, axis=0)
        film[:, 17 + place[0], 15 + place[1] : 25 + place[1]] += rng.normal(0, 5, (5, 1))
        films.append(light * film + np.linspace(0, 20, 40))
    return np.clip(films, 0, 255).astype(np.uint8)


def test_a_head_is_found_where_it_is_in_any_light(films: Any) -> None:
    found = find_places(films, learn_template(films[:6]))
    beside = found - PLACES
    assert (beside == beside[0]).all()  # where the mean face is, is the first mean's to say
    assert np.abs(beside[0]).max() <= 2


def test_a_mouth_is_the_same_pixels_of_every_head(films: Any) -> None:
    still = np.repeat(films[:1, :1], 3, axis=1)  # [1, 3, 28, 40]
    moved = np.stack([np.roll(still[0], place, (1, 2)) for place in PLACES[:4]])
    cut = cut_mouths(moved, learn_template(np.repeat(still, 2, axis=0)))
    assert cut.dtype == np.uint8
    np.testing.assert_array_equal(cut[0], still[0][:, *MOUTH])
    for other in cut[1:]:
        np.testing.assert_array_equal(other, cut[0])


def test_the_place_is_that_of_the_highest_correlation_coefficient(films: Any) -> None:
    from datamodules.archives import mouth

    template = learn_template(films)
    detail = mouth._details(films)[3]
    rows, columns = mouth.FACE
    best = max(
        (
            np.corrcoef(
                detail[
                    REACH + rows.start + a : REACH + rows.stop + a,
                    REACH + columns.start + b : REACH + columns.stop + b,
                ]
                .ravel()
                .astype(np.float64),
                template.ravel(),
            )[0, 1],
            (a, b),
        )
        for a in range(-REACH, REACH + 1)
        for b in range(-REACH, REACH + 1)
    )
    assert tuple(find_places(films[3:4], template)[0]) == best[1]


def test_a_film_without_detail_is_cut_and_finite() -> None:
    flat = np.full((2, 3, 28, 40), 128, np.uint8)
    assert (cut_mouths(flat, learn_template(flat)) == 128).all()
