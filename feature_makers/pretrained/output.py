"""Where features go: one file a video, and from there into one file where that is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.store.folders import find_files
from datamodules.store.journal import line, read_journal
from datamodules.store.source import Record
from feature_makers.pretrained.containers import CONTAINERS
from snn_mm.run.replace import replacing

SOURCES = "sources.jsonl"


@dataclass(frozen=True)
class FeatureOutput:
    """A folder of features.

    Single files survive a kill at any moment, which a large file that is being written does not.

    Attributes:
        directory: the folder; made where it is missing.
        file: name of the file that all features end up in: `.h5` has a data set a video, `.npy` is
            a NumPy dictionary. While there are new ones, the disk holds them twice. None keeps
            `<video>.npy` each.
    """

    directory: Path
    file: str | None = None

    @property
    def _parts(self) -> Path:
        """The folder of single files."""
        return self.directory if self.file is None else self.directory / f"{self.file}.parts"

    def names(self) -> set[str]:
        """Return the videos that are there.

        Raises:
            UserError: the file that holds them can't be read.
        """
        single = {path.stem for path in find_files(self._parts, {".npy"})}
        return single | self._packed()

    def _packed(self) -> set[str]:
        if self.file is None or not (path := self.directory / self.file).exists():
            return set()
        return CONTAINERS[path.suffix].names(path)

    def sources(self) -> dict[str, Record]:
        """Return the records of the files that videos were encoded from, of those that have one."""
        lines = read_journal(self.directory / SOURCES)
        return {each["video"]: each["source"] for each in lines}

    def write_sources(self, sources: Mapping[str, Record]) -> None:
        """Replace all records; a line that was cut off goes with the old ones."""
        with replacing(self.directory / SOURCES) as temporary:
            temporary.write_bytes(b"".join(_source_line(*each) for each in sources.items()))

    def drop(self, names: Collection[str]) -> None:
        """Remove the features of videos."""
        for name in names:
            (self._parts / f"{name}.npy").unlink(missing_ok=True)
        if self.file is not None and self._packed() & set(names):
            path = self.directory / self.file
            CONTAINERS[path.suffix].drop(path, names)

    def add(self, name: str, features: NDArray[np.float32], source: Record) -> None:
        """Write the features `[...]` of one video, then the record of its file."""
        self._parts.mkdir(parents=True, exist_ok=True)
        with replacing(self._parts / f"{name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, features, allow_pickle=False)
        with (self.directory / SOURCES).open("ab") as journal:
            journal.write(_source_line(name, source))

    def finish(self) -> None:
        """Move single files into the one file, if there is one."""
        if self.file is None or not self._parts.is_dir():
            return
        path = self.directory / self.file
        CONTAINERS[path.suffix].extend(path, find_files(self._parts, {".npy"}))
        shutil.rmtree(self._parts)


def _source_line(name: str, source: Record) -> bytes:
    return line({"video": name, "source": source})
