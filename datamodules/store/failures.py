"""The table of clips that could not be read."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from datamodules.store.clip import Clip
from snn_mm.run.replace import replacing

HEADER = ("clip", "reason", "picture", "sound")


class FailureList:
    """Writes each row as it is met, and sorts them at the end.

    Args:
        path: a TSV file, which is replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[tuple[str, ...]] = []
        self._write(path, [HEADER], "w")

    def __enter__(self) -> FailureList:
        return self

    def __exit__(self, *_: object) -> None:
        # The order in which clips get ready depends on the workers; the table must not.
        with replacing(self.path) as temporary:
            self._write(temporary, [HEADER, *sorted(self._rows)], "w")

    def add(self, clip: Clip, reason: str) -> None:
        """Write a row at once, so that it is there even if the process ends now."""
        row = (clip.id, " ".join(reason.split()), str(clip.picture), str(clip.sound))
        self._rows.append(row)
        self._write(self.path, [row], "a")

    @staticmethod
    def _write(path: Path, rows: Iterable[tuple[str, ...]], mode: str) -> None:
        with path.open(mode, newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
