"""Reads the table of clips: which split, which score, which transcript."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.store.clip import Clip
from datamodules.store.folders import FILMS, SOUNDS, find_files, notice
from snn_mm.errors import UserError

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
    rows = csv.DictReader(io.StringIO(_text(path), newline=""))
    rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
    _check_columns(path, rows.fieldnames)
    media = _by_place(clips, FILMS | SOUNDS)
    parse = _Parser(path, clips, openface, media, _by_place(openface, {".csv"}) if openface else {})
    utterances = [parse(rows.line_num, row) for row in rows]
    if not utterances:
        raise UserError(f"{path} has no row; accepted are the columns\n{COLUMNS}.")
    repeated, times = Counter(each.clip.id for each in utterances).most_common(1)[0]
    if times > 1:
        raise UserError(f"{path}: {times} rows are of clip '{repeated}'; accepted is one.")
    unnamed = set(media.values()) - {utterance.clip.sound for utterance in utterances}
    notice(f"clips have no row in {path.name}", [str(each.relative_to(clips)) for each in unnamed])
    return utterances


@dataclass(frozen=True)
class _Parser:
    """Makes an utterance of a row."""

    path: Path
    clips: Path
    openface: Path | None
    files: Mapping[str, Path]
    tables: Mapping[str, Path]

    def __call__(self, line: int, row: Mapping[str, str]) -> LabelledUtterance:
        if None in row or None in row.values():
            raise UserError(f"{self.path}, line {line}: not as many cells as the header has.")
        place = row["id"] if "id" in row else f"{row['video_id']}/{row['clip_id']}"
        if not place.strip("/ "):
            raise UserError(f"{self.path}, line {line}: the clip has no id.")
        name = place if "id" in row else f"{row['video_id']}$_${row['clip_id']}"
        sound = self.files.get(place, self.clips / place)
        seen = self.tables.get(place, self.openface / f"{place}.csv") if self.openface else sound
        unimodal = {
            modality: self._number(line, row, column)
            for column, modality in UNIMODAL.items()
            if column in row
        }
        clip = Clip(name, 0, self._split(line, row), picture=seen, sound=sound)
        return LabelledUtterance(
            clip, row.get("text", ""), self._number(line, row, "label"), unimodal
        )

    def _split(self, line: int, row: Mapping[str, str]) -> str:
        value = row["split"] if "split" in row else row["mode"]
        if value not in SPLITS:
            raise UserError(
                f"{self.path}, line {line}: split '{value}'; accepted are {', '.join(SPLITS)}."
            )
        return SPLITS[value]

    def _number(self, line: int, row: Mapping[str, str], column: str) -> float:
        try:
            value = float(row[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UserError(
                f"{self.path}, line {line}: {column} is '{row[column]}'; accepted is a number in "
                "every row (a column that not all clips have must be left out)."
            )
        return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not in UTF-8"
        raise UserError(f"{path}: {reason}; accepted is a CSV file with\n{COLUMNS}.") from error


def _check_columns(path: Path, names: Sequence[str]) -> None:
    """Refuse a header that does not name what every clip needs."""
    needed: tuple[tuple[str, ...], ...] = (("id", "clip_id"), ("split", "mode"), ("label",))
    missing = [wanted[0] for wanted in needed if not set(wanted) & set(names)]
    if "id" not in names and "clip_id" in names and "video_id" not in names:
        missing.append("video_id")
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}; accepted are\n{COLUMNS}.")


def _by_place(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Return files by their place in the folder, without suffix."""
    seen: dict[str, Path] = {}
    for path in find_files(folder, suffixes, depth=None):
        place = path.relative_to(folder).with_suffix("").as_posix()
        if place in seen:
            raise UserError(f"{seen[place]} and {path} are one clip's; accepted is one file.")
        seen[place] = path
    return seen
