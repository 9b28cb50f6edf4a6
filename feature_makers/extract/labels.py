"""Reads the table of clips: which split, which score, which transcript."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.store.clip import Clip
from datamodules.store.folders import FILMS, SOUNDS, find_files, notice
from snn_mm.errors import UserError
from snn_mm.reading.text import numbered_rows

COLUMNS = (
    "id (or video_id, clip_id), split (or mode), label, text and, for each modality's own score, "
    "label_T, label_A, label_V"
)
SPLITS = {"train": "train", "valid": "val", "val": "val", "test": "test"}
UNIMODAL = {"label_T": "text", "label_A": "audio", "label_V": "visual"}


@dataclass(frozen=True)
class LabelledUtterance:
    """A clip, what was said in it, and how it was rated.

    Attributes:
        clip: its files; `picture` is OpenFace's table of it, or the clip itself without one.
        text: the transcript.
        score: of the clip.
        unimodal: a score of its own by modality, of those that were rated alone.
    """

    clip: Clip
    text: str
    score: float
    unimodal: Mapping[str, float]


def read_labels(path: Path, clips: Path, openface: Path | None = None) -> list[LabelledUtterance]:
    """Read a table of clips; the `label.csv` of CH-SIMS and MOSI is one.

    The clip of a row lies in `clips` as `<id>.mp4` or another film or recording, or as
    `<video_id>/<clip_id>.mp4`; it need not exist yet.

    Args:
        path: a CSV file with a header line.
        clips: folder of the clips.
        openface: folder of OpenFace's tables, laid out like the clips; none if None.

    Raises:
        UserError: a column is missing, or a row is not like the others; names the row's line.
    """
    rows = numbered_rows(path)
    names = [name.strip() for name in next(rows, (1, list[str]()))[1]]
    _check_columns(path, names)
    media = _by_path(clips, FILMS | SOUNDS)
    tables = _by_path(openface, {".csv"}) if openface else {}
    utterances = []
    for line, cells in rows:
        try:
            row = _row(names, cells)
            name, stem = _name(row)
            sound = media.get(stem, clips / stem)
            seen = tables.get(stem, openface / f"{stem}.csv") if openface else sound
            clip = Clip(name, 0, _split(row), picture=seen, sound=sound)
            own = {m: _number(row, column) for column, m in UNIMODAL.items() if column in row}
            utterances.append(
                LabelledUtterance(clip, row.get("text", ""), _number(row, "label"), own)
            )
        except ValueError as error:
            raise UserError(f"{path}, line {line}: {error}.") from error
    if not utterances:
        raise UserError(f"{path} has no row; accepted are the columns\n{COLUMNS}.")
    repeated, times = Counter(each.clip.id for each in utterances).most_common(1)[0]
    if times > 1:
        raise UserError(f"{path}: {times} rows are of clip '{repeated}'; accepted is one.")
    unnamed = set(media.values()) - {utterance.clip.sound for utterance in utterances}
    notice(f"clips have no row in {path.name}", [str(each.relative_to(clips)) for each in unnamed])
    return utterances


def _row(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return the cells of a row by column."""
    if len(cells) != len(names):
        raise ValueError("not as many cells as the header has")
    return dict(zip(names, cells))


def _name(row: Mapping[str, str]) -> tuple[str, str]:
    """Return the name of a clip, and where its files lie, without suffix."""
    name = stem = row.get("id", "")
    if "id" not in row:
        name, stem = (f"{row['video_id']}{sign}{row['clip_id']}" for sign in ("$_$", "/"))
    if not stem.strip("/ "):
        raise ValueError("the clip has no id")
    return name, stem


def _split(row: Mapping[str, str]) -> str:
    value = row["split"] if "split" in row else row["mode"]
    if value not in SPLITS:
        raise ValueError(f"split '{value}'; accepted are {', '.join(SPLITS)}")
    return SPLITS[value]


def _number(row: Mapping[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(
            f"{column} is '{row[column]}'; accepted is a number in every row (a column that not "
            "all clips have must be left out)"
        )
    return value


def _check_columns(path: Path, names: Sequence[str]) -> None:
    """Refuse a header that does not name what every clip needs."""
    needed: tuple[tuple[str, ...], ...] = (("id", "clip_id"), ("split", "mode"), ("label",))
    missing = [wanted[0] for wanted in needed if not set(wanted) & set(names)]
    if "id" not in names and "clip_id" in names and "video_id" not in names:
        missing.append("video_id")
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}; accepted are\n{COLUMNS}.")


def _by_path(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Return files by their path in the folder, without suffix."""
    seen: dict[str, Path] = {}
    for path in find_files(folder, suffixes, depth=None):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in seen:
            raise UserError(f"{seen[stem]} and {path} are one clip's; accepted is one file.")
        seen[stem] = path
    return seen
