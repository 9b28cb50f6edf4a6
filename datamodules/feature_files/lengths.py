"""How many steps of each sequence are no padding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.feature_files.parts import FilePart
from datamodules.feature_files.writer import blocks

Array = NDArray[Any]
Lengths = NDArray[np.int64]

_LENGTH_KEYS = {"audio": "audio_lengths", "visual": "vision_lengths"}
_MASK = "text_bert"


def sequence_lengths(
    part: FilePart, arrays: Mapping[str, Array], clip: bool, notes: list[str]
) -> dict[str, Lengths]:
    """Return the valid steps of each sequence, `[N]` by modality.

    Text: what the mask of `text_bert` says, or up to the last step that is not all zero. Audio and
    vision: what the file says. An aligned file says nothing: as long as the text, or longer where
    values follow, so that nothing is lost in files that are padded in front.

    Args:
        part: the split.
        arrays: `[N, L, D]` by modality.
        clip: whether lengths beyond an array count as its length.
        notes: told of what was clipped.

    Raises:
        UserError: lengths are missing in an unaligned file, or lie beyond their array.
    """
    lengths = {"text": _text_lengths(part, arrays["text"])}
    for modality, key in _LENGTH_KEYS.items():
        array = arrays[modality]
        if key in part.values:
            lengths[modality] = _stored(part, key, array, clip, notes)
        elif array.shape[1] == arrays["text"].shape[1]:
            lengths[modality] = np.maximum(lengths["text"], last_nonzero(array))
        else:
            raise part.refusal(
                key,
                f"is missing, and {array.shape[1]} steps are not the {arrays['text'].shape[1]} "
                "steps of the text, so that the file is not aligned",
            )
    return lengths


def last_nonzero(array: Array) -> Lengths:
    """Steps up to the last that is not all zero, `[N]`, of `[N, L, D]`."""
    lengths = np.zeros(len(array), dtype=np.int64)
    steps = np.arange(1, array.shape[1] + 1)
    for rows in blocks(array):
        lengths[rows] = ((array[rows] != 0).any(axis=2) * steps).max(axis=1)  # [B, L, D] -> [B]
    return lengths


def _text_lengths(part: FilePart, text: Array) -> Lengths:
    """What row 1 of `text_bert` `[N, 3, L]` says."""
    if _MASK not in part.values:
        return last_nonzero(text)
    mask = part.sequences(_MASK, len(text), "[N, 3, L]")
    if mask.shape[1:] != (3, text.shape[1]):
        wanted = (len(text), 3, text.shape[1])
        raise part.refusal(_MASK, f"has the shape {mask.shape}; accepted is {wanted}")
    rows = mask[:, 1]  # [N, L]
    if not np.isin(rows, (0, 1)).all():
        raise part.refusal(_MASK, "has other values than 0 and 1 in row 1, the mask")
    return last_nonzero(rows[:, :, None])  # [N, L] -> [N]


def _stored(part: FilePart, key: str, array: Array, clip: bool, notes: list[str]) -> Lengths:
    """Lengths that the file has, checked against the steps of the array."""
    values, steps = part.numbers(key, len(array)), array.shape[1]
    if len(wrong := np.flatnonzero(~((values >= 0) & (values == np.floor(values))))):
        raise part.refusal(key, f"has the length {values[wrong[0]]}; accepted are 0 to {steps}")
    beyond = np.flatnonzero(values > steps)
    if len(beyond) and not clip:
        raise part.refusal(
            key,
            f"has the length {values[beyond[0]]:.0f}, but the array {steps} steps "
            f"({len(beyond)} such samples)\n"
            "If the file's maker cut long sequences off and kept their lengths, set "
            "clip_lengths: true",
        )
    if len(beyond):
        notes.append(f"{part.name}/{key}: {len(beyond)} lengths beyond {steps} were clipped")
    clipped: Lengths = np.minimum(values, steps).astype(np.int64)
    return clipped
