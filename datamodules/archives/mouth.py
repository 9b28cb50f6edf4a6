"""Where the mouth is: clips are laid over the mean of the training clips."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from datamodules.archives.archive import Array

Region = Literal["picture", "mouth"]
Template = NDArray[np.float32]

REACH = 8
"""Pixels by which a clip may lie beside the mean one."""
FACE = slice(7, 21), slice(10, 30)
"""Nose and mouth in the mean clip, by which others are laid over it."""
MOUTH_HEIGHT, MOUTH_WIDTH = 16, 20
MOUTH = slice(9, 9 + MOUTH_HEIGHT), slice(10, 10 + MOUTH_WIDTH)
"""Where the mouth is in the mean clip."""
ROUNDS = 4
BLUR = 9
"""Side in pixels of the squares whose mean is light and shade, and no detail."""


def learn_template(films: Array) -> Template:
    """Detail of nose and mouth `[h, w]`, the mean over films `[R, L, H, W]` laid over each other.

    The first mean is that of the films as they are, and so blurred; each round lays them over the
    mean of the round before.
    """
    padded = _details(films)
    places = np.zeros((len(films), 2), np.int64)
    for _ in range(ROUNDS):
        template = np.mean([_cut(x, place, FACE) for x, place in zip(padded, places)], axis=0)
        places = np.stack([_best_place(x, template) for x in padded])
    return np.asarray(template, np.float32)


def cut_mouths(films: Array, template: Template) -> Array:
    """The mouths `[R, L, 16, 20]` in films `[R, L, H, W]`, in the same place of the face in all."""
    places = find_places(films, template)
    return np.stack([_cut(_padded(film), place, MOUTH) for film, place in zip(films, places)])


def find_places(films: Array, template: Template) -> NDArray[np.int64]:
    """Rows and columns `[R, 2]` by which films `[R, L, H, W]` lie beside the template `[h, w]`.

    They are where the normalised cross-correlation (Lewis, "Fast normalized cross-correlation",
    1995) of the template with the detail of a film's mean picture is largest, at most `REACH` in
    each direction.
    """
    return np.stack([_best_place(x, template) for x in _details(films)])


def _details(films: Array) -> NDArray[np.float32]:
    """The mean pictures of films `[R, L, H, W]` without light and shade, and with a margin."""
    pictures = np.stack([film.mean(axis=0, dtype=np.float32) for film in films])  # [R, H, W]
    return _padded(pictures - uniform_filter(pictures, (0, BLUR, BLUR), mode="nearest"))


def _padded(x: Array) -> Array:
    """Pictures `[..., H, W]` with their outermost pixels repeated `REACH` times."""
    around = [(0, 0)] * (x.ndim - 2) + [(REACH, REACH)] * 2
    return np.pad(x, around, mode="edge")


def _cut(padded: Array, place: Array, region: tuple[slice, slice]) -> Array:
    """A region of the mean clip, in pictures `[..., H, W]` with a margin that lie beside it."""
    first = [REACH + int(offset) for offset in place]
    rows, columns = (slice(a + s.start, a + s.stop) for a, s in zip(first, region))
    return padded[..., rows, columns]


def _best_place(padded: Array, template: Array) -> NDArray[np.int64]:
    """Row and column `[2]` by which detail with a margin lies beside a template `[h, w]`."""
    rows, columns = FACE
    near = padded[rows.start : rows.stop + 2 * REACH, columns.start : columns.stop + 2 * REACH]
    windows = np.lib.stride_tricks.sliding_window_view(near, template.shape)
    away = windows - windows.mean(axis=(2, 3), keepdims=True)  # [17, 17, h, w]
    fits = (away * (template - template.mean())).sum(axis=(2, 3))
    fits /= np.sqrt((away**2).sum(axis=(2, 3))) + np.finfo(np.float32).tiny
    return np.array(np.unravel_index(fits.argmax(), fits.shape)) - REACH
