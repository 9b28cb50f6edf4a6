"""The layout of feature files of MMSA and MMSA-FET: which keys a split has, and what they hold.

`text` [N, L, D] with `text_bert` [N, 3, L], whose row 1 is the mask of the tokens; `audio` and
`vision` [N, L, D] with `audio_lengths` and `vision_lengths` [N], which aligned files lack; `id`;
`regression_labels` [N], and in CH-SIMS also `regression_labels_T`, `_A` and `_V`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.feature_files.parts import FilePart
from datamodules.feature_files.store import SPLITS, SplitContent, SplitName
from datamodules.feature_files.writer import blocks
from snn_mm.errors import UserError

Array = NDArray[Any]
Lengths = NDArray[np.int64]

SPLIT_KEYS: dict[SplitName, str] = {"train": "train", "val": "valid", "test": "test"}
ARRAY_KEYS = {"text": "text", "audio": "audio", "visual": "vision"}
_LENGTH_KEYS = {"audio": "audio_lengths", "visual": "vision_lengths"}
_MASK = "text_bert"
LABELS = "regression_labels"
LABEL_KEYS = {modality: f"{LABELS}_{key[0].upper()}" for modality, key in ARRAY_KEYS.items()}


class FeatureFileContent(NamedTuple):
    """What a feature file holds.

    Attributes:
        splits: by our names.
        notes: what was changed in reading it, in words.
    """

    splits: dict[SplitName, SplitContent]
    notes: list[str]


def read_layout(path: Path, content: object, clip_lengths: bool = False) -> FeatureFileContent:
    """Check what a pickle holds and find its arrays, labels and lengths.

    Args:
        path: of the file, for messages.
        content: what the pickle holds.
        clip_lengths: whether lengths beyond an array count as its length.

    Raises:
        UserError: names the file, the key such as `train/audio_lengths`, and what is accepted.
    """
    parts = _parts(path, content)
    labelled = _labelled(parts)
    notes: list[str] = []
    splits = {name: _split(part, labelled, clip_lengths, notes) for name, part in parts.items()}
    _check_widths(parts, splits)
    return FeatureFileContent(splits, notes)


def _parts(path: Path, content: object) -> dict[SplitName, FilePart]:
    """The three splits; other keys, such as MMSA-FET's `config`, are passed over."""
    found = list(content) if isinstance(content, dict) else type(content).__name__
    parts: dict[SplitName, FilePart] = {}
    for name, key in SPLIT_KEYS.items():
        values = content.get(key) if isinstance(content, dict) else None
        if not isinstance(values, dict):
            raise UserError(
                f"{path} has no split '{key}': it holds {str(found)[:120]}.\n"
                f"Accepted is a dict with a dict for each of {', '.join(SPLIT_KEYS.values())}."
            )
        parts[name] = FilePart(path, key, values)
    return parts


def _labelled(parts: Mapping[SplitName, FilePart]) -> list[str]:
    """Modalities with labels of their own; those of some splits alone are refused."""
    labelled = []
    for modality, key in LABEL_KEYS.items():
        having = [name for name, part in parts.items() if key in part.values]
        if having and len(having) < len(SPLITS):
            lacking = next(part for name, part in parts.items() if name not in having)
            raise lacking.refusal(key, "is missing, but other splits have it")
        if having:
            labelled.append(modality)
    return labelled


def _split(
    part: FilePart, labelled: list[str], clip_lengths: bool, notes: list[str]
) -> SplitContent:
    """Check one split."""
    targets = part.numbers(LABELS)
    samples = len(targets)
    if not samples:
        raise part.refusal(LABELS, "is empty: no sample to read")
    arrays = {modality: part.sequences(key, samples) for modality, key in ARRAY_KEYS.items()}
    ids, renamed = part.ids("id", samples)
    if renamed:
        notes.append(f"{part.name}/id: {renamed} repeated names got a number")
    own = {modality: part.numbers(LABEL_KEYS[modality], samples) for modality in labelled}
    for key, scores in {LABELS: targets, **{LABEL_KEYS[m]: x for m, x in own.items()}}.items():
        _check_labels(part, key, scores, ids)
    lengths = sequence_lengths(part, arrays, clip_lengths, notes)
    return SplitContent(arrays, lengths, targets, ids, own)


def _check_labels(part: FilePart, key: str, scores: Any, ids: list[str]) -> None:
    if len(wrong := np.flatnonzero(~np.isfinite(scores))):
        raise part.refusal(
            key,
            f"is {scores[wrong[0]]} in sample '{ids[wrong[0]]}' ({len(wrong)} of {len(scores)} "
            "are no finite numbers)",
        )


def _check_widths(
    parts: Mapping[SplitName, FilePart], splits: Mapping[SplitName, SplitContent]
) -> None:
    """Refuse splits whose features differ in number."""
    for modality, key in ARRAY_KEYS.items():
        wanted = splits["train"].arrays[modality].shape[2]
        for name in SPLITS:
            found = splits[name].arrays[modality].shape[2]
            if found != wanted:
                raise parts[name].refusal(key, f"has {found} features, train/{key} {wanted}")


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
