"""Standardised features: to the mean and deviation of the training part, or of each group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from datamodules.split import FeatureScale
from snn_mm.errors import UserError, check_choice

Array = NDArray[Any]

Standardise = Literal["training_part", "each_group", "none"]
"""What features are shifted and scaled by: mean and deviation of the `training_part`, as a person
must who knows nothing of the others; of `each_group` (a speaker, a subject) over all its samples,
which reads features of test groups too, though no labels; or by `none`."""


def standardised(
    values: Sequence[Array | None],
    by: Standardise,
    training: Sequence[bool] | NDArray[np.bool_],
    groups: Sequence[str] | None = None,
) -> list[NDArray[np.float32] | None]:
    """Features of one modality, standardised.

    Args:
        values: by sample `[D]`, or `[L, D]` with an L of its own; None where a sample has none.
        by: which mean and deviation.
        training: which samples are of the training part, `[n]`.
        groups: the group of each sample, `[n]`.

    Raises:
        UserError: there are no groups, or no training sample has the modality.
    """
    check_choice("data.standardise", by, get_args(Standardise))
    if by == "none":
        return [None if x is None else np.asarray(x, np.float32) for x in values]
    if by == "training_part":
        scale = _scale(x for x, trains in zip(values, training, strict=True) if trains)
        return [None if x is None else scale(x) for x in values]
    if groups is None:
        raise UserError(
            "data.standardise is each_group, and the data name no groups\n"
            "accepted: training_part, none, or data with a group of each sample"
        )
    scales = _scales(values, groups)
    return [None if x is None else scales[g](x) for x, g in zip(values, groups, strict=True)]


def _scales(values: Sequence[Array | None], groups: Sequence[str]) -> Mapping[str, FeatureScale]:
    """The scale of each group that has a sample with the modality."""
    members: dict[str, list[Array]] = {}
    for x, group in zip(values, groups, strict=True):
        if x is not None:
            members.setdefault(group, []).append(x)
    return {group: _scale(own) for group, own in members.items()}


def _scale(values: Iterable[Array | None]) -> FeatureScale:
    """The scale of all steps of some samples."""
    steps = list(_steps(values))
    if not steps:
        raise UserError("data.standardise: no training sample has the modality")
    return FeatureScale.fit(np.concatenate(steps))


def _steps(values: Iterable[Array | None]) -> Iterator[Array]:
    return (np.atleast_2d(x) for x in values if x is not None)
