"""Whether a split can be trained or evaluated on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from datamodules.split import Masks, SampleSource, Source
from snn_mm.errors import UserError


def check_split(
    name: str, split: SampleSource, modalities: Sequence[str], num_classes: int
) -> None:
    """Refuse a split that is empty, inconsistent, or has labels outside `0..num_classes-1`.

    Raises:
        UserError: names the split, or the sample and the accepted range.
    """
    check_parts(name, split, {"samples": (split.modalities, modalities)})
    check_masks(name, split.present, split.modalities, split.ids)
    _check_labels(name, split, num_classes)


def check_parts(
    name: str, split: Source, parts: Mapping[str, tuple[Iterable[str], Iterable[str]]]
) -> None:
    """Refuse a split that is empty, lacks a modality, or has parts that differ in length.

    Args:
        name: of the split.
        split: what to check.
        parts: modalities that are there and those that are declared, by what is there of them.

    Raises:
        UserError: names the split, the part, and what is accepted.
    """
    if len(split) == 0:
        raise UserError(f"The '{name}' split is empty: no sample to read.")
    for part, (found, declared) in parts.items():
        if set(found) != set(declared):
            raise UserError(
                f"The '{name}' split has {part} of the modalities {sorted(found)}; "
                f"the data module declares {sorted(declared)}."
            )
    counts = split.counts()
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {part}" for part, count in counts.items())
        raise UserError(f"The parts of the '{name}' split differ in length: {listed}.")


def _check_labels(name: str, split: SampleSource, num_classes: int) -> None:
    """Refuse labels that are not classes, naming the first such sample."""
    outside = np.flatnonzero((split.labels < 0) | (split.labels >= num_classes))
    if len(outside):
        first = outside[0]
        raise UserError(
            f"Label {split.labels[first]} of sample '{split.ids[first]}' is out of range "
            f"in the '{name}' split: accepted are 0 to {num_classes - 1}."
        )


def check_masks(name: str, present: Masks, modalities: Sequence[str], ids: Sequence[str]) -> None:
    """Refuse samples without any modality.

    Args:
        name: of the split.
        present: which samples have a modality, bool `[n]`.
        modalities: all there are.
        ids: of the samples.

    Raises:
        UserError: names the first such sample, or what is no mask.
    """
    for modality, mask in present.items():
        if modality not in modalities or np.asarray(mask).dtype != np.bool_:
            raise UserError(
                f"The '{name}' split says who is present in '{modality}' by {type(mask).__name__}; "
                f"accepted are bool arrays [n] for {', '.join(modalities)}."
            )
    if all(modality in present for modality in modalities):
        there = np.any(list(present.values()), axis=0)  # [n]
        if not there.all():
            first = ids[int(np.flatnonzero(~there)[0])]
            raise UserError(
                f"Sample '{first}' of the '{name}' split has none of {', '.join(modalities)}."
            )
