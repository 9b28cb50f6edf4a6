"""Class names and sample ids of AVE-CI, K-S-CI and VS100-CI.

Three files: `category_encode_dict.npy` {class name: class}, `all_classId_vid_dict.npy`
{train, val, test: {class: [id]}}, `all_id_category_dict.npy` {train, val, test: {id: class name}}.
The last two say the same, so that a damaged or mixed-up pair is found.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.av_cil.dictionary import read_dictionary
from datamodules.split_module import SPLITS, SplitName
from snn_mm.errors import UserError

ENCODE, BY_CLASS, BY_ID = (
    "category_encode_dict.npy",
    "all_classId_vid_dict.npy",
    "all_id_category_dict.npy",
)


class Lists(NamedTuple):
    """Which samples there are.

    Attributes:
        class_names: names of classes 0 to K - 1.
        labelled: by split the class of each id, class by class and as listed within a class.
    """

    class_names: tuple[str, ...]
    labelled: dict[SplitName, dict[str, int]]


def read_lists(folder: Path) -> Lists:
    """Read the three dictionaries of a data set.

    Raises:
        UserError: a file is missing or damaged, or they contradict each other; names file and id.
    """
    _check_there(folder)
    names = _class_names(folder / ENCODE)
    by_class, by_id = _splits(folder / BY_CLASS), _splits(folder / BY_ID)
    labelled: dict[SplitName, dict[str, int]] = {}
    for name in SPLITS:
        labelled[name] = _labelled(folder / BY_CLASS, name, by_class[name], len(names))
        named = {key: names[label] for key, label in labelled[name].items()}
        _check_agreement(folder / BY_ID, name, named, by_id[name])
    _check_disjoint(folder / BY_CLASS, labelled)
    return Lists(names, labelled)


def _check_there(folder: Path) -> None:
    """Refuse a folder without the three files, and say where they come from."""
    missing = [name for name in (ENCODE, BY_CLASS, BY_ID) if not (folder / name).exists()]
    if missing:
        raise UserError(
            f"data.data_dir (without it: a folder of data.root): {folder} has no "
            f"{', '.join(missing)}\naccepted: a folder such as data/AVE, data/kinetics-sounds and "
            "data/VGGSound_100 of github.com/weiguoPian/AV-CIL_ICCV2023"
        )


def _class_names(path: Path) -> tuple[str, ...]:
    """The class names in order of their classes, which must be 0 to K - 1."""
    encode, _ = read_dictionary(path)
    names = {label: name for name, label in encode.items() if type(label) is int}
    if not encode or sorted(names) != list(range(len(encode))):
        raise UserError(
            f"{path}: its {len(encode)} classes are not numbered 0 to {len(encode) - 1}, each once."
        )
    return tuple(str(names[label]) for label in range(len(names)))


def _splits(path: Path) -> dict[str, dict[Any, Any]]:
    """A dictionary that has one for each split."""
    content, _ = read_dictionary(path)
    for name in SPLITS:
        if not isinstance(content.get(name), dict):
            raise UserError(
                f"{path} has no dictionary '{name}'; accepted is one for each of "
                f"{', '.join(SPLITS)}."
            )
    return content


def _labelled(path: Path, split: str, by_class: dict[Any, Any], num_classes: int) -> dict[str, int]:
    """The class of each id of a split."""
    wrong = [key for key in by_class if type(key) is not int or not 0 <= key < num_classes]
    if wrong:
        raise UserError(
            f"{path}: '{split}' has the class {wrong[0]!r}; "
            f"accepted are integers from 0 to {num_classes - 1}."
        )
    labelled: dict[str, int] = {}
    for label in sorted(by_class):
        for key in by_class[label]:
            if key in labelled:
                raise UserError(f"{path}: '{key}' is in '{split}' twice.")
            labelled[str(key)] = label
    return labelled


def _check_agreement(path: Path, split: str, named: dict[str, str], by_id: dict[Any, Any]) -> None:
    """Refuse ids whose class names differ between the two files."""
    wrong = [key for key in named.keys() | by_id.keys() if named.get(key) != by_id.get(key)]
    if wrong:
        first = min(wrong, key=str)
        raise UserError(
            f"{path}: '{first}' of '{split}' is of class {by_id.get(first)!r}, but {BY_CLASS} says "
            f"{named.get(first)!r} ({len(wrong)} ids differ). Take all files from one release."
        )


def _check_disjoint(path: Path, labelled: dict[SplitName, dict[str, int]]) -> None:
    """Refuse ids that are in two splits."""
    for first, second in combinations(SPLITS, 2):
        shared = labelled[first].keys() & labelled[second].keys()
        if shared:
            raise UserError(f"{path}: '{min(shared)}' is in '{first}' and in '{second}'.")
