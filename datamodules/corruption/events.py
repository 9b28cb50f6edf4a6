"""Corruptions of counts of events `[T, P, H, W]`: T frames of P polarities.

What happens to an event depends on it alone, so that counts are as good as a list of events; only
the time within its frame is drawn. By the same random stream a worse one is more of the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def hot_pixels(counts: Counts, part: float, rng: np.random.Generator) -> Counts:
    """Let a part of the pixels fire in every frame, with one polarity, as the busiest pixel does.

    Example:
        >>> hot_pixels(np.eye(2, dtype=int)[None, None] * 3, 0.5, np.random.default_rng(0)).max()
        np.int64(6)
    """
    polarities, height, width = counts.shape[1:]
    pixels = height * width
    hot = rng.permutation(pixels)[: round(part * pixels)]
    polarity = rng.integers(polarities, size=pixels)[hot]
    noisy = counts.copy()
    noisy[:, polarity, hot // width, hot % width] += counts.max()
    return noisy


def event_loss(counts: Counts, part: float, rng: np.random.Generator) -> Counts:
    """Lose each event with a probability (random drop of EventDrop).

    Example:
        >>> int(event_loss(np.full((1, 1, 1, 1), 1000), 0.3, np.random.default_rng(0)).sum() / 100)
        7
    """
    events = _listed(counts)
    return _counted(events[:, rng.random(events.shape[1]) >= part], counts.shape)


def jitter(counts: Counts, deviation: float, rng: np.random.Generator) -> Counts:
    """Move each event by a Gaussian number of pixels; those that leave the camera are lost.

    Example:
        >>> counts = np.pad(np.full((1, 1, 1, 1), 100), ((0, 0), (0, 0), (9, 9), (9, 9)))
        >>> int(jitter(counts, 2.0, np.random.default_rng(0)).sum())
        100
    """
    events = _listed(counts)
    drawn = rng.standard_normal((2, events.shape[1]))
    events[2:] += np.rint(deviation * drawn).astype(np.int64)
    size = np.array(counts.shape[2:])[:, None]
    inside = ((events[2:] >= 0) & (events[2:] < size)).all(axis=0)
    return _counted(events[:, inside], counts.shape)


def time_jitter(counts: Counts, deviation: float, rng: np.random.Generator) -> Counts:
    """Move each event in time by a Gaussian part of the duration, not beyond its ends.

    An event is as likely at any time within its frame.

    Example:
        >>> counts = np.zeros((4, 1, 1, 1), int)
        >>> counts[1] = 100
        >>> time_jitter(counts, 0.1, np.random.default_rng(0)).sum()
        np.int64(100)
    """
    events = _listed(counts)
    frames, number = len(counts), events.shape[1]
    moved = events[0] + rng.random(number) + deviation * frames * rng.standard_normal(number)
    events[0] = np.floor(moved).clip(0, frames - 1)
    return _counted(events, counts.shape)


def background_activity(counts: Counts, snr_db: float, rng: np.random.Generator) -> Counts:
    """Add events at random pixels, times and polarities: `SNR = 10 log10(E_signal / E_noise)`.

    Event cameras fire such noise as a Poisson process of equal rate at all pixels.

    Example:
        >>> background_activity(np.ones((1, 1, 2, 5), int), 0.0, np.random.default_rng(0)).sum()
        np.int64(20)
    """
    number = round(float(counts.sum()) / 10 ** (snr_db / 10))
    added = rng.integers(counts.size, size=number)
    noise: Counts = np.bincount(added, minlength=counts.size).reshape(counts.shape)
    return counts + noise


def _listed(counts: Counts) -> NDArray[np.int64]:
    """Frame, polarity, row and column of each event, `[4, E]`."""
    where = np.nonzero(counts)
    return np.stack(where).repeat(counts[where], axis=1)


def _counted(events: NDArray[np.int64], shape: tuple[int, ...]) -> Counts:
    """Counts of the given shape of events `[4, E]`."""
    cells = np.ravel_multi_index(tuple(events), shape)
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)
