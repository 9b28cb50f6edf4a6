"""Cross-validation: folds in which no group is torn apart, and parts that share no sample."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.pairing import Rows, stream
from datamodules.split import Source
from snn_mm.errors import UserError, check_range

By = Literal["group"]


@dataclass(frozen=True)
class Folds:
    """Cross-validation: every sample is tested by one of k runs.

    Attributes:
        by: `group` keeps what belongs together (a speaker, a subject) in one fold; null cuts
            sample by sample, each class alike.
        k: number of folds; as many as there are groups leaves one group out. 0 makes no folds.
    """

    by: By | None = "group"
    k: int = 0

    def __post_init__(self) -> None:
        if self.by not in ("group", None):
            raise UserError(f"data.folds.by is {self.by!r}; accepted: group, null")
        check_range("data.folds.k", self.k, 0)
        if self.k == 1:
            raise UserError("data.folds.k is 1; accepted: 2 or more, or 0 for no folds")


NO_FOLDS = Folds()


def assign_folds(
    labels: Rows, groups: Sequence[str], k: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The fold of each sample `[n]`: whole groups, classes spread as evenly as they let.

    The largest group comes first, each to the fold that has fewest of its classes; among equals to
    the smallest. Groups of one sample make it a stratified cut.

    Args:
        labels: classes, `[n]`.
        groups: for each sample what must stay together.
        k: number of folds.
        rng: decides the order of groups of one size.

    Raises:
        UserError: there are fewer groups than folds.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> assign_folds(np.array([0, 1, 0, 1]), ["ann", "ann", "bob", "bob"], 2, rng).tolist()
        [0, 0, 1, 1]
    """
    names, group_of = np.unique(np.array(groups), return_inverse=True)
    if len(names) < k:
        raise UserError(
            f"data.folds.k is {k}, but there are {len(names)} groups\n"
            f"accepted: 2 to {len(names)}, or by: null, which cuts sample by sample"
        )
    sizes = np.zeros((len(names), int(labels.max(initial=0)) + 1))  # [groups, K]
    np.add.at(sizes, (group_of, labels), 1)
    shares = 1 / np.maximum(sizes.sum(axis=0), 1) ** 2  # a rare class counts as a frequent one
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order].sum(axis=1), kind="stable")]
    counts, fold_of = np.zeros((k, sizes.shape[1])), np.zeros(len(names), np.int64)
    for place, group in enumerate(order):
        crowded = counts @ (shares * sizes[group])  # what the sum of squares grows by
        occupied = counts.sum(axis=1)
        empty = np.flatnonzero(occupied == 0)
        free = empty if len(order) - place <= len(empty) else np.arange(k)
        chosen = free[np.lexsort((occupied[free], crowded[free].round(12)))[0]]
        counts[chosen] += sizes[group]
        fold_of[group] = chosen
    return fold_of[group_of]


def fold_parts(
    labels: Rows,
    groups: Sequence[str] | None,
    fold: tuple[int, int],
    val_fraction: float,
    seed: int,
) -> dict[str, Rows]:
    """The rows that train, validate and test in one fold.

    Validation has whole groups as well, one at least, cut off the training folds.

    Args:
        labels: classes, `[n]`.
        groups: for each sample what must stay together; None cuts sample by sample.
        fold: which one tests, and how many there are.
        val_fraction: part of the training folds that validates.
        seed: decides the folds, the same in every one.
    """
    number, k = fold
    names = [str(row) for row in range(len(labels))] if groups is None else list(groups)
    fold_of = assign_folds(labels, names, k, stream(seed, "folds"))
    test, others = np.flatnonzero(fold_of == number), np.flatnonzero(fold_of != number)
    left = [names[row] for row in others]
    train, val = cut_whole_groups(labels[others], left, val_fraction, stream(seed, "validation"))
    return {"train": others[train], "val": others[val], "test": test}


def cut_whole_groups(
    labels: Rows, groups: Sequence[str], fraction: float, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Cut about a fraction off, in whole groups, one at least: one of the folds that it makes.

    Args:
        labels: classes, `[n]`.
        groups: for each sample what must stay together.
        fraction: what is cut off; 0 cuts nothing.
        rng: decides which.

    Returns:
        Rows that stay and rows cut off, both sorted.
    """
    several = len(set(groups))
    if fraction <= 0 or several < 2:
        return np.arange(len(labels)), np.arange(0)
    parts = min(several, max(2, round(1 / fraction)))
    fold_of = assign_folds(labels, groups, parts, rng)
    return np.flatnonzero(fold_of != 0), np.flatnonzero(fold_of == 0)


def check_apart(
    name: str, split: Source, others: Mapping[Any, Source], may_share: Collection[str] = ()
) -> None:
    """Refuse a split that has samples of another one: what is learnt by heart would count.

    Args:
        name: of the split.
        split: what to check.
        others: those that are there already, by name.
        may_share: names of splits that may have the same samples as each other.

    Raises:
        UserError: names both splits and the first such sample.
    """
    own = set(split.ids)
    for other, source in others.items():
        if {name, other} <= set(may_share):
            continue
        if shared := [str(sample) for sample in source.ids if sample in own]:
            raise UserError(
                f"{len(shared)} samples of the '{name}' split are in the '{other}' split as well, "
                f"such as '{shared[0]}'\naccepted: every id in one split alone"
            )
