"""Kinetics-Sounds: 31 classes of Kinetics that can be seen and heard.

Videos lie anywhere below the source, named `<YouTube id>_<start>_<end>.mp4` in seconds, as
https://github.com/cvdfoundation/kinetics-dataset distributes them. Which of them belong, to which
class and part, the lists `my_train.txt` and `my_test.txt` say (rows `id_start_end,10,class`; the
test list leaves out the end and the leading zeros), or folders named like the classes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from datamodules.prepare.clip import Clip
from datamodules.prepare.folders import notice
from snn_mm.errors import UserError

CLASS_NAMES = (
    "blowing nose",
    "blowing out candles",
    "bowling",
    "chopping wood",
    "dribbling basketball",
    "laughing",
    "mowing lawn",
    "playing accordion",
    "playing bagpipes",
    "playing bass guitar",
    "playing clarinet",
    "playing drums",
    "playing guitar",
    "playing harmonica",
    "playing keyboard",
    "playing organ",
    "playing piano",
    "playing saxophone",
    "playing trombone",
    "playing trumpet",
    "playing violin",
    "playing xylophone",
    "ripping paper",
    "shoveling snow",
    "shuffling cards",
    "singing",
    "stomping grapes",
    "tap dancing",
    "tapping guitar",
    "tapping pen",
    "tickling",
)
LAYOUT = "<YouTube id>_<start>_<end>.mp4 in any folder"
PART_OF_FOLDER = {"train": "train", "val": "test", "validate": "test", "test": "test"}

_SEGMENT = re.compile(r"(?P<video>.{11})_(?P<start>\d{1,6})(_\d{1,6})?")


class Segment(NamedTuple):
    """Ten seconds of a video; the lists and the files write the start differently."""

    video: str
    start: int


def find_clips(source: Path, lists: Path | None) -> list[Clip]:
    """Find the clips of Kinetics-Sounds.

    Args:
        source: folder with the videos of Kinetics, at any depth; others are passed over.
        lists: folder with `my_train.txt` and `my_test.txt`; without it the folder of each video
            names its class, and a folder `train`, `val` or `test` above it its part.

    Raises:
        UserError: no video is found, or neither lists nor folders say the classes.
    """
    videos = find_videos(source)
    return _by_lists(videos, lists, source) if lists else _by_folders(videos, source)


def find_videos(source: Path) -> dict[Segment, Path]:
    """Return the videos below a folder; the archive's replacements of corrupt files win.

    Raises:
        UserError: there are none.
    """
    paths = [path.relative_to(source) for path in source.rglob("*.mp4")]
    paths.sort(key=lambda path: ("replacement" in str(path), path))
    named = [(_SEGMENT.fullmatch(path.stem), path) for path in paths]
    videos = {
        Segment(match["video"], int(match["start"])): source / path
        for match, path in named
        if match
    }
    if not videos:
        raise UserError(
            f"No Kinetics video in {source} ({len(paths)} other mp4 files): accepted is {LAYOUT}."
        )
    return videos


def _by_lists(videos: dict[Segment, Path], lists: Path, source: Path) -> list[Clip]:
    """Return the listed clips among the videos."""
    listed = read_lists(lists)
    found = listed.keys() & videos.keys()
    if not found:
        raise UserError(
            f"None of the {len(listed)} clips that {lists} lists is among the {len(videos)} videos "
            f"in {source}: accepted is {LAYOUT}."
        )
    absent = {f"{video}_{start}" for video, start in listed.keys() - found}
    notice(f"clips that the lists name are not in {source}", absent)
    return [
        Clip(videos[segment].stem, *listed[segment], videos[segment], videos[segment])
        for segment in sorted(found)
    ]


def read_lists(lists: Path) -> dict[Segment, tuple[int, str]]:
    """Return the class and the part, `train` or `test`, of each listed segment.

    Raises:
        UserError: a list is missing, or a row has another form or class.
    """
    listed: dict[Segment, tuple[int, str]] = {}
    for part in ("train", "test"):
        path = lists / f"my_{part}.txt"
        if not path.is_file():
            raise UserError(f"{path} is missing: accepted are my_train.txt and my_test.txt.")
        for row in path.read_text(encoding="utf-8-sig").split():
            match = re.fullmatch(rf"{_SEGMENT.pattern},\d+,(?P<label>\d+)", row)
            if match is None or int(match["label"]) >= len(CLASS_NAMES):
                raise UserError(
                    f"{path}: row '{row}' is not like -00nar1nEPc_000033_000043,10,13 with a class "
                    f"from 0 to {len(CLASS_NAMES) - 1}."
                )
            segment = Segment(match["video"], int(match["start"]))
            if segment in listed:
                raise UserError(f"{path}: '{row}' is listed before; accepted is one row a clip.")
            listed[segment] = int(match["label"]), part
    return listed


def _by_folders(videos: dict[Segment, Path], source: Path) -> list[Clip]:
    """Return the videos in folders named like a class."""
    clips = [
        Clip(path.stem, CLASS_NAMES.index(name), _part(path.relative_to(source)), path, path)
        for _, path in sorted(videos.items())
        if (name := path.parent.name.replace("_", " ")) in CLASS_NAMES
    ]
    if not clips:
        raise UserError(
            f"Nothing says the classes of the {len(videos)} videos in {source}: give --lists DIR "
            "with my_train.txt and my_test.txt, or folders named like 'blowing nose'."
        )
    left_out = {path.stem for path in videos.values()} - {clip.id for clip in clips}
    notice("videos are in no folder of a class", left_out)
    return clips


def _part(path: Path) -> str:
    """Return the part that a folder on the way names, or nothing."""
    return next((PART_OF_FOLDER[name] for name in path.parts if name in PART_OF_FOLDER), "")
