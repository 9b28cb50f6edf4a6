"""UrbanSound8K-AV as distributed: an image and a sound with the same stem, in class folders.

8,732 pairs; the stem begins with the number of the Freesound recording that the sound was sliced
from. Source: https://www.kaggle.com/datasets/lingyueguo/urbansound8k-av (Guo et al., SMMT).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from datamodules.store.clip import Clip
from datamodules.store.folders import IMAGES, by_name, find_files, pair, require_folders
from datamodules.store.folders import SOUNDS as SOUND_SUFFIXES
from snn_mm.errors import UserError

CLASS_NAMES = (
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
)
PICTURES, SOUNDS = "Dataset_v3_vision", "Dataset_v3_sound"
LAYOUT = f"{PICTURES}/<class>/<stem>.jpg with {SOUNDS}/<class>/<stem>.wav"


def find_clips(source: Path, lists: Path | None) -> list[Clip]:
    """Find the pairs of UrbanSound8K-AV.

    Args:
        source: the folder that holds both halves.
        lists: none exist for this data set.

    Raises:
        UserError: the folders or a class are not as expected, or lists are given.
    """
    if lists is not None:
        raise UserError("UrbanSound8K-AV has no lists: leave out --lists.")
    require_folders(source, (PICTURES, SOUNDS), LAYOUT)
    pictures = files_by_class(source / PICTURES, IMAGES)
    sounds = files_by_class(source / SOUNDS, SOUND_SUFFIXES)
    return [
        Clip(name.split("/")[1], label_of(sounds[name]), "", pictures[name], sounds[name])
        for name in pair(pictures, sounds, LAYOUT)
    ]


def files_by_class(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Return the files `<class>/<stem><suffix>` of a folder by `<class>/<stem>`."""
    files = find_files(folder, suffixes, depth=2)
    return by_name(files, lambda path: f"{path.parent.name}/{path.stem}")


def label_of(path: Path) -> int:
    """Return the class that a file's folder says."""
    if path.parent.name not in CLASS_NAMES:
        raise UserError(
            f"{path.parent} is no class of UrbanSound8K-AV: accepted are {', '.join(CLASS_NAMES)}."
        )
    return CLASS_NAMES.index(path.parent.name)
