"""Features of single clips on disk, so that an interrupted extraction goes on where it was."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from snn_mm.run.replace import replacing


@dataclass(frozen=True)
class FeatureCache:
    """One file a clip and modality, valid only for the key it was written with.

    Attributes:
        directory: such as `data/extracted/my_clips`; what lies there may be deleted.
    """

    directory: Path

    def path(self, modality: str, clip: str) -> Path:
        """Return where the features of a clip lie, whatever signs its name has."""
        return self.directory / modality / f"{quote(clip, safe='$')}.npz"

    def key(self, modality: str, clip: str) -> str | None:
        """Return the key of the features that are there; None without any, or with damaged ones."""
        try:
            with np.load(self.path(modality, clip), allow_pickle=False) as file:
                return str(file["key"]) if "features" in file.files else None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def put(self, modality: str, clip: str, key: str, features: NDArray[np.float32]) -> None:
        """Write the features `[L, D]` of a clip; a kill leaves no half file."""
        path = self.path(modality, clip)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, features=features, key=np.array(key))

    def read(self, modality: str, clip: str) -> NDArray[np.float32]:
        """Return the features `[L, D]` of a clip that is there."""
        with np.load(self.path(modality, clip), allow_pickle=False) as file:
            features: NDArray[np.float32] = file["features"]
        return features
