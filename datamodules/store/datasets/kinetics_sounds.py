"""Kinetics-Sounds: 31 classes of Kinetics that can be seen and heard.

Videos lie anywhere below the source, named `<YouTube id>_<start>_<end>.mp4` in seconds, as
https://github.com/cvdfoundation/kinetics-dataset distributes them. Which of them belong, to which
class and part, the lists `my_train.txt` and `my_test.txt` say (rows `id_start_end,10,class`; the
test list leaves out the end and the leading zeros), or folders named like the classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from datamodules.store.clip import Clip
from datamodules.store.folders import FILMS, find_files, notice
from snn_mm.errors import UserError
from snn_mm.reading.text import read_text

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
LAYOUT = "<YouTube id>_<start>_<end>.mp4 or another film, in any folder"
PART_OF_FOLDER = {"train": "train", "val": "test", "validate": "test", "test": "test"}

_SEGMENT = re.compile(r"(?P<video>.{11})_(?P<start>\d{1,6})(_\d{1,6})?")


class Segment(NamedTuple):
    """Ten seconds of a video; the lists and the files write the start differently."""

    video: str
    start: int


Videos = Mapping[Segment, Sequence[Path]]
"""The files of each segment, the one that counts first."""


def find_clips(source: Path, lists: Path | None) -> list[Clip]:
    """Find the clips of Kinetics-Sounds.

    Args:
        source: folder with the videos of Kinetics, at any depth; says how many
            belong to no class.
        lists: folder with `my_train.txt` and `my_test.txt`; without it the folder of each video
            names its class, and a folder `train`, `val` or `test` above it its part.

    Raises:
        UserError: no video is found, or neither lists nor folders say the classes.
    """
    videos = find_videos(source)
    return _by_lists(videos, lists, source) if lists else _by_folders(videos, source)


def find_videos(source: Path) -> dict[Segment, list[Path]]:
    """Return the videos below a folder; says which films are none, and which lie there repeatedly.

    Of several files of a segment the archive's replacement of a corrupt one counts, otherwise that
    of the test part, so that the part is whole and has none of the training part, otherwise the
    first by path.
    """
    videos: dict[Segment, list[Path]] = {}
    others: list[str] = []
    for path in sorted(find_files(source, FILMS, None), key=lambda path: _rank(path, source)):
        if match := _SEGMENT.fullmatch(path.stem):
            videos.setdefault(Segment(match["video"], int(match["start"])), []).append(path)
        else:
            others.append(path.name)
    if not videos:
        raise UserError(
            f"No Kinetics video in {source} ({len(others)} other films): accepted is {LAYOUT}."
        )
    notice("films are not named like <YouTube id>_<start>_<end>", others)
    repeated = [files[0].stem for files in videos.values() if len(files) > 1]
    rule = "of each counts a replacement before others, test before train, then the first by path"
    notice("videos lie there several times", repeated, rule)
    return videos


def _rank(path: Path, source: Path) -> tuple[bool, int, Path]:
    """Return what orders the files of one segment."""
    relative = path.relative_to(source)
    part = ("test", "train", "").index(_part(path, source))
    return "replacement" not in str(relative), part, relative


def _by_lists(videos: Videos, lists: Path, source: Path) -> list[Clip]:
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
    notice("videos are in no list", [videos[each][0].stem for each in videos.keys() - found])
    files = {segment: videos[segment][0] for segment in sorted(found)}
    return [Clip(file.stem, *listed[each], file, file) for each, file in files.items()]


def read_lists(lists: Path) -> dict[Segment, tuple[int, str]]:
    """Return the class and the part, `train` or `test`, of each listed segment."""
    listed: dict[Segment, tuple[int, str]] = {}
    for part in ("train", "test"):
        path = lists / f"my_{part}.txt"
        if not path.is_file():
            raise UserError(f"{path} is missing: accepted are my_train.txt and my_test.txt.")
        for row in read_text(path).split():
            match = re.fullmatch(rf"{_SEGMENT.pattern},\d+,(?P<label>\d{{1,3}})", row)
            if match is None or int(match["label"]) >= len(CLASS_NAMES):
                raise UserError(
                    f"{path}: row '{row[:80]}' is not like -00nar1nEPc_000033_000043,10,13 with a "
                    f"class from 0 to {len(CLASS_NAMES) - 1}."
                )
            segment = Segment(match["video"], int(match["start"]))
            if segment in listed:
                raise UserError(f"{path}: '{row}' is listed before; accepted is one row a clip.")
            listed[segment] = int(match["label"]), part
    return listed


def _by_folders(videos: Videos, source: Path) -> list[Clip]:
    """Return the videos in folders named like a class, where replacements need not lie."""
    placed = {
        files[0]: [path for path in files if _class_of(path) in CLASS_NAMES]
        for _, files in sorted(videos.items())
    }
    clips = [
        Clip(file.stem, CLASS_NAMES.index(_class_of(path)), _part(path, source), file, file)
        for file, (path, *_) in ((file, paths) for file, paths in placed.items() if paths)
    ]
    if not clips:
        raise UserError(
            f"Nothing says the classes of the {len(videos)} videos in {source}: give --lists DIR "
            "with my_train.txt and my_test.txt, or folders named like 'blowing nose'."
        )
    left_out = [file.stem for file, paths in placed.items() if not paths]
    notice("videos are in no folder of a class", left_out)
    torn = [file.stem for file, paths in placed.items() if len(set(map(_class_of, paths))) > 1]
    notice("videos are in folders of several classes", torn, "the first file's class counts")
    return clips


def _class_of(path: Path) -> str:
    """Return what a file's folder says of its class."""
    return path.parent.name.replace("_", " ")


def _part(path: Path, source: Path) -> str:
    """Return the part that a folder on the way names, or nothing."""
    names = path.relative_to(source).parts
    return next((PART_OF_FOLDER[name] for name in names if name in PART_OF_FOLDER), "")
