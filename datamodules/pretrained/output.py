"""Where features go: one file a video, and from there into one HDF5 file where that is wanted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from snn_mm.errors import UserError
from snn_mm.run.replace import replacing


@dataclass(frozen=True)
class FeatureOutput:
    """A folder of features.

    Single files survive a kill at any moment, which an HDF5 file that is being written does not.

    Attributes:
        directory: the folder; made where it is missing.
        file: name of the HDF5 file that all features end up in, a data set a video; while there
            are new ones, the disk holds them twice. None keeps `<video>.npy` each.
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
            UserError: the HDF5 file can't be read.
        """
        single = {path.stem for path in self._parts.glob("*.npy")}
        return single | self._packed()

    def _packed(self) -> set[str]:
        if self.file is None or not (self.directory / self.file).exists():
            return set()
        try:
            with h5py.File(self.directory / self.file, "r") as file:
                return set(file)
        except OSError as error:
            raise UserError(f"{self.directory / self.file} can't be read: {error}") from error

    def add(self, name: str, features: NDArray[np.float32]) -> None:
        """Write the features `[...]` of one video."""
        self._parts.mkdir(parents=True, exist_ok=True)
        with replacing(self._parts / f"{name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, features, allow_pickle=False)

    def finish(self) -> None:
        """Move single files into the HDF5 file, if there is one."""
        if self.file is None or not self._parts.is_dir():
            return
        target = self.directory / self.file
        with replacing(target) as temporary:
            if target.exists():
                shutil.copyfile(target, temporary)
            with h5py.File(temporary, "a") as file:
                for path in sorted(self._parts.glob("*.npy")):
                    if path.stem not in file:
                        file[path.stem] = np.load(path, mmap_mode="r", allow_pickle=False)
        shutil.rmtree(self._parts)
