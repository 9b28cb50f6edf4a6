"""POM: reviews of films with what listeners thought of the speaker, as sequences of 20 steps."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datamodules.sequences import SequenceDataModule, SequenceSplit
from datamodules.split import FeatureScale
from datamodules.split_module import SplitName
from snn_mm.errors import UserError, check_choice

STEPS = 20
FILE_PARTS: dict[SplitName, str] = {"train": "train", "val": "valid", "test": "test"}
FILE_STEMS = {"audio": "audio", "visual": "video"}
DIMS = {"audio": 43, "visual": 41}

_SEVEN, _FIVE = 4.0, 3.0
LABEL_CENTRES = {
    "confident": _SEVEN,
    "passionate": _SEVEN,
    "voice_pleasant": _SEVEN,
    "dominant": _SEVEN,
    "credible": _SEVEN,
    "vivid": _SEVEN,
    "expertise": _SEVEN,
    "entertaining": _SEVEN,
    "reserved": _FIVE,
    "trusting": _FIVE,
    "relaxed": _FIVE,
    "outgoing": _FIVE,
    "thorough": _FIVE,
    "nervous": _FIVE,
    "sentiment": _SEVEN,
    "persuasive": _SEVEN,
    "humorous": _SEVEN,
}
"""The columns of the label files in order, and the middle of the scale, 1 to 7 or 1 to 5."""


_ACCEPTED = (
    "Accepted are {audio,video,y}_{train,valid,test}.h5 with the key d1,\n"
    "from new_data/pom of pliang279/MFN; set pom_dir."
)


class POM(SequenceDataModule):
    """Persuasive Opinion Multimedia: 600 reviews train, 100 validate, 203 test.

    Audio has 43 features a step and visual 41. The files are those of the Memory Fusion Network
    (Zadeh et al., AAAI 2018). They pad to 20 steps with zeros at the start; here the padding is cut
    off, so that reviews have 1 to 20 steps. More than half of the reviews have visual features that
    are zero throughout, presumably where no face was found.

    The files do not name their 17 label columns. The order of 16 is that of the paper, which
    Low-rank Multimodal Fusion's code prints too, without sentiment; the column that is left is
    number 15, whose values are those of the two ends of its scale, as only favourable and
    unfavourable reviews were gathered. The six with the scale 1 to 5 are where that order has the
    speaker's character, and those that must agree do (humorous with entertaining, nervous against
    relaxed).

    Args:
        pom_dir: directory of the files; None is `root/pom`.
        label: what to predict, minus the middle of its scale: sentiment is in [-3, 3].
        standardise: shift and scale each feature to the mean and deviation of the training part.
    """

    modalities = ("audio", "visual")

    def __init__(
        self,
        root: str = "data",
        pom_dir: str | None = None,
        label: str = "sentiment",
        standardise: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        check_choice("label", label, tuple(LABEL_CENTRES))
        self.pom_dir = Path(pom_dir or Path(root) / "pom")
        self.label, self.standardise = label, standardise

    @property
    def max_lengths(self) -> dict[str, int]:
        """Steps of the longest sequence by modality, which no review needs to have."""
        return dict.fromkeys(DIMS, STEPS)

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Those of the files, which are refused if they are others."""
        return {name: (STEPS, dim) for name, dim in DIMS.items()}

    def load_split(self, name: SplitName) -> SequenceSplit:
        """Read one part."""
        sequences, lengths = self._read_sequences(name)
        column = list(LABEL_CENTRES).index(self.label)
        labels = self._read("y", name, (len(LABEL_CENTRES),))[:, column]
        return SequenceSplit(
            arrays={m: self._scaled(m, x) for m, x in sequences.items()},
            lengths=dict.fromkeys(self.modalities, lengths),
            targets=labels - LABEL_CENTRES[self.label],
            ids=[f"{name}{row:03d}" for row in range(len(labels))],
        )

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        return {"label": self.label, "standardise": self.standardise}

    @cached_property
    def scales(self) -> dict[str, FeatureScale]:
        """Mean and deviation of the training steps by modality."""
        sequences, lengths = self._read_sequences("train")
        valid = np.arange(STEPS) < lengths[:, None]  # [n, L]
        return {name: FeatureScale.fit(x[valid]) for name, x in sequences.items()}

    def feature_scales(self) -> dict[str, FeatureScale]:
        """Mean and deviation of the training steps, where they count."""
        return self.scales if self.standardise else {}

    def finish_raw(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cut off first steps that were zero in all modalities: the padding of these files."""
        sequences = self.preparation["sequences"]
        if len({len(x) for x in inputs.values()}) > 1:
            return inputs
        arrays = []
        for name, x in inputs.items():
            zero, scale = np.zeros(x.shape[1]), sequences[name]["scale"]
            padding = zero if scale is None else FeatureScale.of_record(scale)(zero)
            arrays.append((x.numpy() != padding)[None])  # [1, L, D], zero where it was
        start = int(leading_zeros(arrays)[0])
        return {name: x[start:] for name, x in inputs.items()}

    def _scaled(self, modality: str, sequences: NDArray[np.float64]) -> NDArray[Any]:
        """Standardise `[n, 20, D]` if asked."""
        return self.scales[modality](sequences) if self.standardise else sequences

    def _read_sequences(
        self, name: SplitName
    ) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
        """Read `[n, 20, D]` by modality with the padding at the end, and lengths `[n]`."""
        arrays = {m: self._read(FILE_STEMS[m], name, (STEPS, DIMS[m])) for m in self.modalities}
        if len({len(array) for array in arrays.values()}) > 1:
            raise UserError(f"{self.pom_dir}: audio and video of '{name}' differ in number.")
        starts = leading_zeros(list(arrays.values()))
        moved = {m: move_padding(array, starts) for m, array in arrays.items()}
        return moved, STEPS - starts

    def _read(self, stem: str, name: SplitName, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Read `[n, *shape]` of one file."""
        return read_array(self.pom_dir / f"{stem}_{FILE_PARTS[name]}.h5", shape)


def leading_zeros(arrays: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Count the first steps of `[n, L, D]` that are zero in all arrays, at most L - 1: `[n]`."""
    empty = np.all([(array == 0).all(axis=2) for array in arrays], axis=0)  # [n, L]
    count: NDArray[np.int64] = empty.cumprod(axis=1).sum(axis=1).clip(max=empty.shape[1] - 1)
    return count


def move_padding(array: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[Any]:
    """Move the first `starts` `[n]` steps of `[n, L, D]`, which are zero, to the end."""
    steps = (np.arange(array.shape[1]) + starts[:, None]) % array.shape[1]  # [n, L]
    moved: NDArray[Any] = np.take_along_axis(array, steps[:, :, None], axis=1)
    return moved


def read_array(path: Path, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Read the data set `d1` of an HDF5 file, `[n, *shape]`.

    Raises:
        UserError: the file is missing, damaged, of another shape or has NaN; names it.
    """
    # Here, because h5py is needed for no other data set.
    from snn_mm.reading.hdf5 import find_dataset, reading_hdf5

    if not path.is_file():
        raise UserError(f"{path} is missing.\n{_ACCEPTED}")
    with reading_hdf5(path, _ACCEPTED) as file:
        array = np.asarray(find_dataset(file, "d1")[...], dtype=np.float64)
    if array.shape[1:] != shape:
        raise UserError(f"d1 of {path} has the shape {array.shape}; accepted is [n, *{shape}].")
    if len(bad := np.argwhere(~np.isfinite(array))):
        raise UserError(f"d1 of {path} has NaN or infinity in row {bad[0][0]}.")
    return array
