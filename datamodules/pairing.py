"""Seeded splits and class-wise pairs of recordings."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from snn_mm.errors import UserError

Rows = NDArray[np.int64]


def stream(seed: int, *purpose: object) -> np.random.Generator:
    """Return a random stream of its own for a purpose, so that no draw shifts another one."""
    words = (str(word).encode(errors="surrogateescape") for word in purpose)  # any name of a file
    return np.random.default_rng([seed, *map(zlib.crc32, words)])


def check_fractions(**fractions: float) -> None:
    """Refuse fractions that leave no training data; names the fractions and what is accepted."""
    if min(fractions.values()) < 0 or sum(fractions.values()) >= 1:
        given = ", ".join(f"{name}={value}" for name, value in fractions.items())
        raise UserError(f"{given}: each must be at least 0 and their sum below 1.")


def cut(rows: Rows, fractions: Sequence[float], rng: np.random.Generator) -> list[Rows]:
    """Shuffle `rows` `[n]` and cut off a part for each fraction; what remains comes last."""
    sizes = [round(len(rows) * fraction) for fraction in fractions]
    return [np.sort(part) for part in np.split(rng.permutation(rows), np.cumsum(sizes))]


def stratified_cut(
    labels: NDArray[np.int64], fractions: Sequence[float], rng: np.random.Generator
) -> list[Rows]:
    """Cut the rows of `labels` `[n]` as `cut` does, in each class alike."""
    by_class = [cut(np.flatnonzero(labels == k), fractions, rng) for k in np.unique(labels)]
    return [np.sort(np.concatenate(parts)) for parts in zip(*by_class, strict=True)]


def pair_by_class(
    labels: NDArray[np.int64],
    partner_labels: NDArray[np.int64],
    partners: int,
    rng: np.random.Generator,
) -> tuple[Rows, Rows]:
    """Pair each row of `labels` `[n]` with `partners` different rows of its class.

    Args:
        labels: classes of the recordings that each get partners, `[n]`.
        partner_labels: classes of the recordings to choose from, `[m]`.
        partners: how many different partners a recording gets.
        rng: decides the choice.

    Returns:
        Rows into `labels` and rows into `partner_labels`, both `[n * partners]`.

    Raises:
        UserError: a class has fewer than `partners` recordings to choose from.
    """
    chosen: list[Rows] = []
    choices = {k: np.flatnonzero(partner_labels == k) for k in np.unique(labels)}
    for label in labels:
        if len(choices[label]) < partners:
            raise UserError(
                f"Class {label} has {len(choices[label])} recordings to pair with in this split; "
                f"{partners} are needed. Ask for fewer pairs or a larger split."
            )
        chosen.append(rng.choice(choices[label], partners, replace=False))
    return np.repeat(np.arange(len(labels)), partners), np.array(chosen, np.int64).reshape(-1)
