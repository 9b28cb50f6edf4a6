"""Where features go: one file a video, and from there into one file where that is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from datamodules.av_cil.dictionary import read_dictionary
from datamodules.feature_files.values import PickledArray, RefusedError
from datamodules.store.folders import find_files
from datamodules.store.journal import json_line, read_journal
from datamodules.store.source import Record
from snn_mm.errors import UserError
from snn_mm.reading.arrays import map_array
from snn_mm.reading.hdf5 import names_in, open_hdf5, reading_hdf5
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
        """Return the videos that are there."""
        single = {path.stem for path in find_files(self._parts, {".npy"})}
        return single | self._packed()

    def _packed(self) -> set[str]:
        if self.file is None or not (path := self.directory / self.file).exists():
            return set()
        return CONTAINERS[path.suffix].names(path)

    def sources(self) -> dict[str, Record]:
        """Return the records of the files that videos were encoded from, of those that have one."""
        lines = read_journal(self.directory / SOURCES, {"video": str, "source": list})
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
    return json_line({"video": name, "source": source})


class H5Container:
    """HDF5 with a data set a video."""

    def names(self, path: Path) -> set[str]:
        """Return the videos that a file holds."""
        with reading_hdf5(path) as file:
            return set(names_in(file))

    def extend(self, path: Path, parts: Iterable[Path]) -> None:
        """Add new videos to a copy, which replaces the file."""
        with replacing(path) as temporary:
            if path.exists():
                shutil.copyfile(path, temporary)
            with h5py.File(temporary, "a", locking=False) as file:
                for part in parts:
                    if part.stem not in file:
                        file[part.stem] = map_array(part)

    def drop(self, path: Path, names: Collection[str]) -> None:
        """Copy the other videos: what is deleted in a file of this kind keeps its space."""
        with (
            replacing(path) as temporary,
            open_hdf5(path) as old,
            h5py.File(temporary, "w", locking=False) as new,
        ):
            for name in old.keys() - names:
                old.copy(name, new)


class DictionaryContainer:
    """A NumPy dictionary of arrays, as AV-CIL saves them; one that is there is not unpickled."""

    def names(self, path: Path) -> set[str]:
        """Return the videos that a file holds."""
        return set(read_dictionary(path)[0])

    def extend(self, path: Path, parts: Iterable[Path]) -> None:
        """Write the dictionary anew, with what it held and the new videos."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for part in parts:
            arrays[part.stem] = np.array(map_array(part))
        if path.exists():
            arrays |= _arrays(path)
        _save(path, arrays)

    def drop(self, path: Path, names: Collection[str]) -> None:
        """Write the dictionary anew without some videos."""
        _save(path, {name: each for name, each in _arrays(path).items() if name not in names})


def _save(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write a dictionary; one of the same videos has the same bytes."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.array({name: arrays[name] for name in sorted(arrays)}))


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Copy the arrays of a dictionary into memory."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, each in read_dictionary(path)[0].items():
        if not isinstance(each, PickledArray):
            raise UserError(f"{path}: '{name}' is no array but {type(each).__name__}.")
        try:
            arrays[name] = each.numpy().copy()
        except RefusedError as error:
            raise UserError(f"{path}: '{name}' {error}.") from error
    return arrays


CONTAINERS: dict[str, H5Container | DictionaryContainer] = {
    ".h5": H5Container(),
    ".npy": DictionaryContainer(),
}
"""By suffix."""
