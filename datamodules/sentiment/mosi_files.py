"""Files of CMU-MOSI as features of utterances, which Poria et al. (ACL 2017) published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.pairing import Rows
from snn_mm.errors import UserError
from snn_mm.reading.text import naming, read_rows, read_text

PARTS = ("train", "test")
FOLDERS = {"text": "text", "audio": "audio", "visual": "video"}
"""Folder and file stem of each modality."""


_NAME = re.compile(r".+_[0-9]{1,9}")
_ACCEPTED = (
    "Accepted is a directory with transcripts.csv, text_train.csv,\n"
    "text_test.csv and {text,audio,video}/*_{train,test}0.csv of CMU-MOSI, from\n"
    "soujanyaporia/contextual-utterance-level-multimodal-sentiment-analysis; set mosi_dir."
)


class Utterances(NamedTuple):
    """All utterances of the data set.

    Attributes:
        features: `[n, D]` by modality.
        labels: 0 (negative) or 1 (positive), `[n]`.
        videos: the video of each utterance, `[n]`.
        numbers: its place in the video, `[n]`; some numbers are missing from the data set.
        test: whether it belongs to the test set, `[n]`.
    """

    features: dict[str, NDArray[np.float64]]
    labels: Rows
    videos: NDArray[np.str_]
    numbers: Rows
    test: NDArray[np.bool_]


def read_utterances(folder: Path) -> Utterances:
    """Read training and test files and the names of the utterances.

    Raises:
        UserError: a file is missing, damaged or disagrees with another; names it.
    """
    train, test = (_read_part(folder, part) for part in PARTS)
    for name in FOLDERS:
        if train[0][name].shape[1] != test[0][name].shape[1]:
            raise UserError(f"{folder}: {name} of {PARTS[0]} and {PARTS[1]} differ in width.")
    features = {name: np.concatenate([train[0][name], test[0][name]]) for name in FOLDERS}
    labels = np.concatenate([train[1], test[1]])
    is_test = np.repeat([False, True], [len(train[1]), len(test[1])])
    videos, numbers = _read_names(folder, labels)
    if both := sorted(set(videos[is_test]) & set(videos[~is_test])):
        raise UserError(f"{folder}: video {both[0]} is in both training and test files.")
    return Utterances(features, labels, videos, numbers, is_test)


def _read_names(folder: Path, labels: Rows) -> tuple[NDArray[np.str_], Rows]:
    """Read videos and numbers, `[n]` each, and check them by the labels `[n]`."""
    transcripts = _read_transcripts(folder / "transcripts.csv")
    rows = np.concatenate([_read_rows(folder / f"text_{part}.csv") for part in PARTS])
    if len(rows) != len(labels) or not np.array_equal(np.sort(rows), np.arange(len(transcripts))):
        raise UserError(
            f"{folder}: the first columns of text_train.csv and text_test.csv have {len(rows)} "
            f"rows for {len(labels)} utterances;\naccepted is every row of transcripts.csv, "
            f"0 to {len(transcripts) - 1}, once."
        )
    names, expected = zip(*(transcripts[row] for row in rows))
    if len(wrong := np.flatnonzero(np.array(expected) != labels)):
        raise UserError(
            f"{folder}: the label of {names[wrong[0]]} in transcripts.csv is not that of its "
            "features."
        )
    videos, numbers = zip(*(name.rsplit("_", 1) for name in names))
    return np.array(videos), np.array(numbers, dtype=np.int64)


def _read_part(folder: Path, part: str) -> tuple[dict[str, NDArray[np.float64]], Rows]:
    """Read features `[n, D]` by modality, and the labels `[n]` that all of them agree on."""
    paths = {name: folder / stem / f"{stem}_{part}0.csv" for name, stem in FOLDERS.items()}
    tables = {name: _read_table(path) for name, path in paths.items()}
    labels = tables["text"][:, -1]
    for name, table in tables.items():
        if not np.array_equal(table[:, -1], labels):
            raise UserError(f"Labels of {paths[name]} are not those of {paths['text']}.")
    if not np.isin(labels, (0, 1)).all():
        raise UserError(f"The last column of {paths['text']} has labels other than 0 and 1.")
    return {name: table[:, :-1] for name, table in tables.items()}, labels.astype(np.int64)


def _read_table(path: Path) -> NDArray[np.float64]:
    """Read a CSV of quoted numbers, `[n, columns]`."""
    with _reading(path, "is no table of numbers"):
        table = np.loadtxt(_lines(path), delimiter=",", quotechar='"', ndmin=2)
    if len(bad := np.flatnonzero(~np.isfinite(table).all(axis=1))):
        raise UserError(f"{path} has NaN or infinity in line {bad[0] + 1}.")
    return table


def _read_rows(path: Path) -> Rows:
    """Read the first column, `[n]`."""
    with _reading(path, "has no row numbers in its first column"):
        rows: Rows = np.loadtxt(
            _lines(path), np.int64, delimiter=",", quotechar='"', usecols=0, ndmin=1
        )
    return rows


def _lines(path: Path) -> list[str]:
    """The lines of a table, of which there must be one."""
    lines = read_text(path).splitlines()
    if not any(map(str.strip, lines)):
        raise ValueError("it is empty")
    return lines


def _read_transcripts(path: Path) -> list[tuple[str, int]]:
    """Read name and label of each utterance."""
    with _reading(path, "is no list of name, text, number and label"):
        rows = [(row[0], int(row[-1])) for row in read_rows(path)]
        if unnumbered := [name for name, _ in rows if not _NAME.fullmatch(name)]:
            raise ValueError(f"{unnumbered[0][:60]!r} is not like 03bSnISJMiM_1")
        return rows


@contextmanager
def _reading(path: Path, otherwise: str) -> Iterator[None]:
    """Say of a file what is wrong with it, if reading fails."""
    if not path.is_file():
        raise UserError(f"{path} can't be read. {_ACCEPTED}")
    with naming(path, otherwise):
        yield
