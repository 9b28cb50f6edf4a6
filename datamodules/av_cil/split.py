"""A split of features in files, and its batches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from datamodules.av_cil.features import FeatureFile, Shape
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
        """Read the samples of a batch into one array a modality; see `stack_rows`."""
        rows = [Draw.of(index).row for index in indices]
        inputs = {name: self._read(name, rows) for name in self.files}
        return [
            Sample({m: x[i] for m, x in inputs.items()}, int(self.labels[row]), self.ids[row])
            for i, row in enumerate(rows)
        ]

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
        batch = empty_batch(len(rows), file.shape)
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


def empty_batch(samples: int, shape: Shape) -> Tensor:
    """Return room for a batch, `[N, *shape]`.

    A worker hands its batches on in shared memory: filled there, they are not copied.
    """
    batch = torch.empty(samples, *shape)
    return batch.share_memory_() if get_worker_info() else batch  # type: ignore[no-untyped-call]


def stack_rows(rows: Sequence[Tensor]) -> Tensor:
    """Stack tensors `[...]` to `[N, ...]`, without a copy if they are the rows of one tensor."""
    base = rows[0]._base
    if base is not None and len(base) == len(rows):
        places = [base.data_ptr() + i * base[0].nbytes for i in range(len(base))]
        if base.is_contiguous() and [row.data_ptr() for row in rows] == places:
            return base
    return torch.stack(list(rows))


def collate(samples: Sequence[Sample]) -> Batch:
    """Make a batch of samples, without a copy if they were read together."""
    names = samples[0].inputs
    inputs = {name: stack_rows([sample.inputs[name] for sample in samples]) for name in names}
    target = torch.tensor([sample.target for sample in samples])
    return {"inputs": inputs, "target": target, "id": [sample.id for sample in samples]}
