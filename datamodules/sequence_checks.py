"""What is refused in a split of sequences before any batch is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datamodules.checks import check_masks, check_parts
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from datamodules.sequences import SequenceSplit

Array = NDArray[Any]


def check_sequence_split(
    name: str,
    split: SequenceSplit,
    modalities: Sequence[str],
    labelled_modalities: Sequence[str] = (),
    num_classes: int | None = None,
) -> None:
    """Refuse a split that is empty or inconsistent.

    Args:
        name: of the split.
        split: what to check.
        modalities: those that the data module declares.
        labelled_modalities: those it declares to have a score of their own.
        num_classes: K where targets are classes.

    Raises:
        UserError: names the split, the part or the sample, and what is accepted.
    """
    check_parts(
        name,
        split,
        {
            "sequences": (split.arrays, modalities),
            "lengths": (split.lengths, modalities),
            "labels": (split.unimodal_targets, labelled_modalities),
        },
    )
    check_masks(name, split.present, tuple(split.arrays), split.ids)
    _check_lengths(name, split)
    _check_targets(name, split)
    if num_classes is not None:
        _check_classes(name, split, num_classes)


def _present(split: SequenceSplit, modality: str) -> NDArray[np.bool_]:
    """Which samples have a modality, `[n]`."""
    everywhere = np.ones(len(split), dtype=bool)
    return np.asarray(split.present.get(modality, everywhere), dtype=bool)


def _check_lengths(name: str, split: SequenceSplit) -> None:
    """Refuse lengths outside of what the array holds, naming the first such sample."""
    for modality, lengths in split.lengths.items():
        longest = split.longest(modality)
        beyond = (lengths < 1) | (lengths > longest)  # [n]
        if len(outside := np.flatnonzero(beyond & _present(split, modality))):
            first = outside[0]
            raise UserError(
                f"The length of '{modality}' is {lengths[first]} in sample '{split.ids[first]}' "
                f"of the '{name}' split; accepted are 1 to {longest}, and in `present` False of a "
                "sample without it."
            )


def _check_targets(name: str, split: SequenceSplit) -> None:
    """Refuse labels that are NaN or infinite, naming the first such sample."""
    for key, scores, there in _labels(split):
        if len(wrong := np.flatnonzero(~np.isfinite(scores) & there)):
            raise UserError(
                f"{key} of sample '{split.ids[wrong[0]]}' in the '{name}' split is "
                f"{scores[wrong[0]]}; accepted are finite numbers."
            )


def _labels(split: SequenceSplit) -> Iterator[tuple[str, Array, NDArray[np.bool_]]]:
    """Yield what an error calls the labels, the labels `[n]`, and who has to have them `[n]`."""
    yield "The label", split.targets, np.ones(len(split), dtype=bool)
    for modality, scores in split.unimodal_targets.items():
        yield f"The label of '{modality}'", scores, _present(split, modality)


def _check_classes(name: str, split: SequenceSplit, num_classes: int) -> None:
    """Refuse labels that are no whole numbers or no classes, naming the first such sample."""
    whole = np.issubdtype(split.targets.dtype, np.integer)
    outside = (split.targets < 0) | (split.targets >= num_classes) | (not whole)  # [n]
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise UserError(
            f"Label {split.targets[first]} of sample '{split.ids[first]}' in the '{name}' split is "
            f"no class; accepted are whole numbers from 0 to {num_classes - 1}."
        )
