"""A split of features in files, and its batches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from datamodules.av_cil.features import FeatureFile
from datamodules.batches import Together, room, stacked
from datamodules.split import Draw, Sample, SampleSource
from snn_mm.contracts import Batch
from snn_mm.errors import UserError

_PROBES = 16


class FeatureSplit(SampleSource):
    """Samples whose inputs are arrays of feature files.

    Args:
        name: of the split, for messages.
        labelled: the class of each id.
        files: by modality where its features are.

    Raises:
        UserError: ids have no features, or the first one's are of another shape.
    """

    def __init__(
        self, name: str, labelled: Mapping[str, int], files: Mapping[str, FeatureFile]
    ) -> None:
        self.ids = list(labelled)
        self.labels = np.array(list(labelled.values()), dtype=np.int64)
        self.files, self.modalities = dict(files), tuple(files)
        for file in files.values():
            self._check_complete(name, file)

    def __getitem__(self, index: int | Draw) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[Sample]:
        """Read the samples of a batch into one tensor a modality."""
        rows = [Draw.of(index).row for index in indices]
        inputs = {name: self._read(name, rows) for name in self.files}
        samples = (
            Sample({m: x[i] for m, x in inputs.items()}, int(self.labels[row]), self.ids[row])
            for i, row in enumerate(rows)
        )
        return Together(samples, inputs)

    def digest(self) -> str:
        """Return a SHA-256 of ids, labels and the features of 16 samples, spread evenly.

        Features of 295 GB are not read whole for it.
        """
        sha = hashlib.sha256("\n".join(self.ids).encode())
        sha.update(self.labels.data)
        probes = np.linspace(0, len(self) - 1, min(len(self), _PROBES)).astype(int).tolist()
        for sample in self.__getitems__(probes):
            for name in sorted(sample.inputs):
                sha.update(sample.inputs[name].numpy().data)
        return sha.hexdigest()

    def _read(self, modality: str, rows: Sequence[int]) -> Tensor:
        """Read the features of some rows, `[N, ...]`."""
        file = self.files[modality]
        batch = room(len(rows), *file.shape)
        for values, row in zip(batch.numpy(), rows):
            file.read(self.ids[row], values)
            if not np.isfinite(values).all():
                raise UserError(
                    f"NaN or infinity in modality '{modality}' of sample '{self.ids[row]}' "
                    f"({file.path})."
                )
        return batch

    def _check_complete(self, split: str, file: FeatureFile) -> None:
        """Refuse a file that lacks ids, and read the first."""
        known = file.ids()
        missing = [key for key in self.ids if key not in known]
        if missing:
            raise UserError(
                f"{file.path} has no features of '{missing[0]}': {len(missing)} of "
                f"{len(self.ids)} ids of the '{split}' split are missing."
            )
        if self.ids:
            file.read(self.ids[0], np.empty(file.shape, np.float32))


def collate(samples: Sequence[Sample]) -> Batch:
    """Make a batch of samples, whose values were checked when they were read."""
    target = torch.tensor([sample.target for sample in samples])
    return {"inputs": stacked(samples), "target": target, "id": [sample.id for sample in samples]}
