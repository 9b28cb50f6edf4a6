"""CREMA-D as its repository lays it out: `VideoFlash/<id>.flv` and `AudioWAV/<id>.wav`.

The id says actor, sentence, emotion and level, `1001_DFA_ANG_XX`. Source:
https://github.com/CheyneyComputerScience/CREMA-D, 7,442 clips of 91 actors, Git-LFS.
"""

from __future__ import annotations

from pathlib import Path

from datamodules.store.clip import Clip
from datamodules.store.folders import (
    FILMS,
    SOUNDS,
    by_name,
    find_files,
    notice,
    pair,
    refuse_pointers,
    require_folders,
)
from snn_mm.errors import UserError
from snn_mm.reading.text import read_rows

CLASS_NAMES = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
LAYOUT = "VideoFlash/<id>.flv with AudioWAV/<id>.wav, the id like 1001_DFA_ANG_XX"


def find_clips(source: Path, lists: Path | None) -> list[Clip]:
    """Find the clips of CREMA-D.

    Args:
        source: a clone of the repository, or a folder laid out like it.
        lists: folder with `train.csv` and `test.csv` as OGM-GE distributes them; without it no
            clip belongs to a part.

    Raises:
        UserError: the folders, an id or a list is not as expected.
    """
    require_folders(source, ("VideoFlash", "AudioWAV"), LAYOUT)
    pictures = by_name(find_files(source / "VideoFlash", FILMS))
    sounds = by_name(find_files(source / "AudioWAV", SOUNDS))
    ids = pair(pictures, sounds, LAYOUT)
    refuse_pointers([path for name in ids for path in (pictures[name], sounds[name])], source)
    parts = read_parts(lists) if lists else {}
    if lists:
        notice(f"clips that the lists name are not in {source}", parts.keys() - set(ids))
        notice("clips are in no list", set(ids) - parts.keys())
        ids = [name for name in ids if name in parts]
    return [
        Clip(name, label_of(name), parts.get(name, ""), pictures[name], sounds[name])
        for name in ids
    ]


def label_of(name: str) -> int:
    """Return the class that an id's third word says."""
    words = name.split("_")
    if len(words) != 4 or words[2] not in CLASS_NAMES:
        raise UserError(
            f"Clip '{name}' is not named as in CREMA-D: accepted are four words like "
            f"1001_DFA_ANG_XX, the third one of {', '.join(CLASS_NAMES)}."
        )
    return CLASS_NAMES.index(words[2])


def read_parts(lists: Path) -> dict[str, str]:
    """Return the part, `train` or `test`, of each id that OGM-GE's lists name."""
    parts: dict[str, str] = {}
    for part in ("train", "test"):
        path = lists / f"{part}.csv"
        if not path.is_file():
            raise UserError(f"{path} is missing: accepted are train.csv and test.csv of OGM-GE.")
        for row in read_rows(path):
            if len(row) != 2 or row[1] != CLASS_NAMES[label_of(row[0])]:
                raise UserError(
                    f"{path}: row '{','.join(row)[:80]}' is not like 1088_IOM_NEU_XX,NEU."
                )
            if row[0] in parts:
                raise UserError(f"{path}: '{row[0]}' is listed before; accepted is one part each.")
            parts[row[0]] = part
    return parts
