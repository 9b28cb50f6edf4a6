"""Which clips train, which validate and which test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from lightning.pytorch.utilities import rank_zero_warn

from datamodules.pairing import Rows
from datamodules.split import SampleSource
from datamodules.split_module import SplitName
from snn_mm.errors import UserError

Standardise = Literal["training_part", "each_group", "none"]
"""What features are shifted and scaled by: mean and deviation of the `training_part`, as a person
must who knows nothing of the others; of `each_group` (a speaker, a subject) over all its samples,
which reads features of test groups too, though no labels; or by `none`."""

SHOWN_CLASSES = 10
"""Classes that a message names."""


def listed(parts: Sequence[str], name: str) -> tuple[Rows, Rows]:
    """Return the rows that the official list puts into training and test.

    Args:
        parts: "train", "val", "test" or "" for each clip.
        name: of the data set, for the message.

    Raises:
        UserError: the clips were prepared without the list.
    """
    array = np.array(parts)
    if unlisted := int((array == "").sum()):
        raise UserError(
            f"split is 'listed', but {unlisted} of {len(parts)} clips of {name} are in no list. "
            f"Prepare them with it:\nsnnmm prepare {name} --source DIR --lists DIR"
        )
    return np.flatnonzero(array == "train"), np.flatnonzero(array == "test")


def warn_of_lacking(part: str, split: SampleSource, class_names: Sequence[str]) -> None:
    """Warn of classes that a split has no sample of: they can't be learnt, or are never tested."""
    counts = np.bincount(split.labels, minlength=len(class_names))
    if lacking := [name for name, count in zip(class_names, counts) if not count]:
        more = ", ..." * (len(lacking) > SHOWN_CLASSES)
        rank_zero_warn(
            f"The '{part}' split has no sample of {len(lacking)} of {len(class_names)} classes: "
            f"{', '.join(lacking[:SHOWN_CLASSES])}{more}."
        )


def warn_of_small_classes(
    labels: Rows, parts: Mapping[SplitName, Rows], class_names: Sequence[str]
) -> None:
    """Warn of classes that have fewer clips than there are parts, and say where those are.

    Args:
        labels: classes, `[n]`.
        parts: rows of each part; the same rows under two names count as one part.
        class_names: K names.
    """
    several = len({rows.tobytes() for rows in parts.values()})
    sizes = np.bincount(labels, minlength=len(class_names))
    small = np.flatnonzero((sizes > 0) & (sizes < several))
    found = [
        f"{class_names[k]} ({sizes[k]} in {', '.join(p for p in parts if k in labels[parts[p]])})"
        for k in small[:SHOWN_CLASSES]
    ]
    if found:
        rank_zero_warn(
            f"{len(small)} classes have fewer clips than the {several} parts they are divided "
            f"into: {', '.join(found)}{', ...' * (len(small) > SHOWN_CLASSES)}."
        )


def cut_groups(
    labels: Rows, groups: Sequence[str], fraction: float, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Cut a fraction off every class, without tearing a group apart.

    Groups come in random order and are cut off whole while that brings the classes nearer to their
    share, which is one clip at least. Groups of one clip make it a stratified random cut.

    Args:
        labels: classes, `[n]`.
        groups: for each clip the group that must stay together, such as its actor.
        fraction: what is cut off; 0 cuts nothing.
        rng: decides the order.

    Returns:
        Rows that stay and rows cut off, both sorted.
    """
    names, group_of = np.unique(np.array(groups), return_inverse=True)
    sizes = np.zeros((len(names), int(labels.max(initial=0)) + 1), np.int64)  # [groups, K]
    np.add.at(sizes, (group_of, labels), 1)
    missing = np.rint(fraction * sizes.sum(axis=0)).astype(np.int64)  # [groups, K] -> [K]
    if fraction > 0:
        missing = np.maximum(missing, sizes.any(axis=0))
    is_cut = np.zeros(len(names), bool)
    for group in rng.permutation(len(names)):
        rest = missing - sizes[group]
        if np.abs(rest).sum() < np.abs(missing).sum():
            missing, is_cut[group] = rest, True
    return np.flatnonzero(~is_cut[group_of]), np.flatnonzero(is_cut[group_of])


def members_of(training: Rows, groups: Sequence[str] | None) -> dict[str, list[int]]:
    """Rows that a scale is of: those that train, under "", or all of each group."""
    if groups is None:
        return {"": training.tolist()}
    members: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    return members
