"""AVE as its archive lays it out: `AVE/<YouTube id>.mp4`, ten seconds each, beside its lists.

A row `Category&VideoID&Quality&StartTime&EndTime` of `Annotations.txt`, or of the lists
`trainSet.txt`, `valSet.txt` and `testSet.txt`, says which seconds of a video show and sound an
event. Source: https://sites.google.com/view/audiovisualresearch (Tian et al., ECCV 2018), 4,143
events in 4,097 videos.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from datamodules.store.clip import Clip
from datamodules.store.folders import FILMS, by_name, find_files, notice, require_folders
from snn_mm.errors import UserError
from snn_mm.reading.text import read_text

CLASS_NAMES = (
    "Church bell",
    "Male speech, man speaking",
    "Bark",
    "Fixed-wing aircraft, airplane",
    "Race car, auto racing",
    "Female speech, woman speaking",
    "Helicopter",
    "Violin, fiddle",
    "Flute",
    "Ukulele",
    "Frying (food)",
    "Truck",
    "Shofar",
    "Motorcycle",
    "Acoustic guitar",
    "Train horn",
    "Clock",
    "Banjo",
    "Goat",
    "Baby cry, infant cry",
    "Bus",
    "Chainsaw",
    "Cat",
    "Horse",
    "Toilet flush",
    "Rodents, rats, mice",
    "Accordion",
    "Mandolin",
)
"""In the order in which `testSet.txt` names them first, as PMR counts them."""

LAYOUT = "AVE/<YouTube id>.mp4 beside Annotations.txt, trainSet.txt, valSet.txt and testSet.txt"
LISTS = {"train": "trainSet.txt", "val": "valSet.txt", "test": "testSet.txt"}
HEADER = "Category&VideoID&Quality&StartTime&EndTime"

_ROW = re.compile(
    r"(?P<category>[^&]+)&(?P<video>[^&/]+)&[^&]*&(?P<start>\d{1,6})&(?P<end>\d{1,6})"
)


class Event(NamedTuple):
    """A row: what is seen and heard in a video, and from which second to which."""

    label: int
    video: str
    start: int
    end: int


def find_clips(source: Path, lists: Path | None) -> list[Clip]:
    """Find the events of AVE.

    A video may hold several events, in one part or in two: each is a clip, `<video>_0`, `<video>_1`
    in the order of the training, validation and test list. Which of them count, data modules say.

    Args:
        source: the unpacked archive.
        lists: folder with the three lists; without it those in the source or, if there are none,
            `Annotations.txt`, which knows no parts.

    Raises:
        UserError: the folder, a list or a row is not as expected, or no listed video is there.
    """
    require_folders(source, ("AVE",), LAYOUT)
    parts = read_events(source, lists)
    videos = by_name(find_files(source / "AVE", FILMS))
    wanted = {event.video for events in parts.values() for event in events}
    if not wanted & videos.keys():
        raise UserError(
            f"None of the {len(wanted)} listed videos is among the {len(videos)} in "
            f"{source / 'AVE'}: accepted is {LAYOUT}."
        )
    notice(f"videos that the lists name are not in {source / 'AVE'}", wanted - videos.keys())
    notice("videos are in no list", videos.keys() - wanted)
    shared = Counter(v for events in parts.values() for v in {event.video for event in events})
    several = [video for video, count in shared.items() if count > 1]
    notice("videos are in several lists", several, "each of their events counts where it is listed")
    return list(_clips(parts, videos))


def _clips(parts: Mapping[str, Sequence[Event]], videos: Mapping[str, Path]) -> Iterator[Clip]:
    """Yield the events whose videos are there."""
    seen = Counter[str]()
    for part, events in parts.items():
        for label, video, start, end in events:
            name = f"{video}_{seen[video]}"
            seen[video] += 1
            if path := videos.get(video):
                yield Clip(name, label, part, path, path, float(start), float(end))


def read_events(source: Path, lists: Path | None) -> dict[str, list[Event]]:
    """Return the events by part: `train`, `val` and `test`, or none where no list says so."""
    folder = lists or source
    if lists is None and not (source / LISTS["train"]).is_file():
        return {"": read_rows(source / "Annotations.txt")}
    return {part: read_rows(folder / name) for part, name in LISTS.items()}


def read_rows(path: Path) -> list[Event]:
    """Return the events of one file, with or without its header line."""
    if not path.is_file():
        raise UserError(f"{path} is missing: accepted are {', '.join(LISTS.values())}.")
    rows = read_text(path).splitlines()
    return [_parse(row, path) for row in rows if row.strip() not in ("", HEADER)]


def _parse(row: str, path: Path) -> Event:
    match = _ROW.fullmatch(row.strip())
    if match is None or match["category"] not in CLASS_NAMES:
        raise UserError(
            f"{path}: row '{row[:80]}' is not like 'Church bell&EsfJpLbBeb4&good&0&10', with one "
            f"of AVE's {len(CLASS_NAMES)} categories and whole seconds."
        )
    label = CLASS_NAMES.index(match["category"])
    return Event(label, match["video"], int(match["start"]), int(match["end"]))
