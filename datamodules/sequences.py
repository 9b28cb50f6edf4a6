"""Data sets of feature sequences with scores: sentiment, and whatever else comes as sequences."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from datamodules.batches import Together, check_finite, padded
from datamodules.cache import SentAsPlaces
from datamodules.checks import check_parts
from datamodules.made_up import made_ids, made_values
from datamodules.split import Draw, Source
from datamodules.split_module import SPLITS, SplitDataModule, SplitName
from snn_mm.contracts import Batch
from snn_mm.errors import UserError

Array = NDArray[Any]


class SequenceSample(NamedTuple):
    """One sample; its lengths are those of its inputs.

    Attributes:
        inputs: `[L, D]` in float32 by modality, without padding; every modality has its own L.
        target: the score.
        unimodal_target: the score by modality, for those that have one of their own.
        id: the name that error messages use.
    """

    inputs: dict[str, Tensor]
    target: float
    unimodal_target: dict[str, float]
    id: str


@dataclass(frozen=True)
class SequenceSplit(SentAsPlaces, Source):
    """Padded sequences, each read up to its length.

    Attributes:
        arrays: `[n, L, D]` by modality, padded at the end; may be memory-mapped.
        lengths: how many steps are no padding, `[n]` by modality.
        targets: the score of each sample, `[n]`.
        unimodal_targets: scores `[n]` by modality, for those that have their own.
        content: a digest of `arrays` where it is known, so that large files are not read for it.
    """

    arrays: Mapping[str, Array]
    lengths: Mapping[str, Array]
    targets: Array
    ids: Sequence[str]
    unimodal_targets: Mapping[str, Array] = field(default_factory=dict)
    content: str | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int | Draw) -> SequenceSample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[SequenceSample]:
        """Read the samples of a batch into one padded tensor a modality."""
        self.check_files()
        rows = [Draw.of(index).row for index in indices]
        found = {name: [self.sequence(name, row) for row in rows] for name in self.arrays}
        inputs = {name: padded(sequences) for name, sequences in found.items()}
        samples = []
        for place, row in enumerate(rows):
            own = {name: float(scores[row]) for name, scores in self.unimodal_targets.items()}
            values = {name: inputs[name][place, : len(x[place])] for name, x in found.items()}
            target, name = float(self.targets[row]), str(self.ids[row])
            samples.append(SequenceSample(values, target, own, name))
        return Together(samples, inputs)

    def sequence(self, modality: str, row: int) -> Array:
        """Return the steps `[L, D]` of one sample that are no padding."""
        # Taking a part of a map itself is slow.
        return np.asarray(self.arrays[modality])[row, : self.lengths[modality][row]]

    def width(self, modality: str) -> int:
        """Return D of a modality."""
        return int(self.arrays[modality].shape[-1])

    def longest(self, modality: str) -> int:
        """Return the steps that a sequence of a modality has room for."""
        return int(self.arrays[modality].shape[1])

    def counts(self) -> dict[str, int]:
        """Return how many samples each part has, by the part's name."""
        own = {f"labels of {name}": len(x) for name, x in self.unimodal_targets.items()}
        lengths = {f"lengths of {name}": len(x) for name, x in self.lengths.items()}
        arrays = {name: len(x) for name, x in self.arrays.items()}
        ids = {"labels": len(self.targets), "unique ids": len(set(self.ids))}
        return {**arrays, **lengths, **own, **ids}

    def digest(self) -> str:
        """Return a SHA-256 of everything that decides the samples."""
        sha = hashlib.sha256("\n".join(self.ids).encode())
        arrays = {} if self.content is not None else self.arrays
        sha.update((self.content or "").encode())
        for part in (arrays, self.lengths, {"": self.targets}, self.unimodal_targets):
            for name, array in sorted(part.items()):
                sha.update(f"{name} {array.dtype} {array.shape}".encode())
                sha.update(np.ascontiguousarray(array).data)
        return sha.hexdigest()


def collate(samples: list[SequenceSample]) -> Batch:
    """Pad sequences with zeros to the longest of the batch, refusing those that are not finite."""
    owners = samples[0].unimodal_target
    sequences = {name: [s.inputs[name] for s in samples] for name in samples[0].inputs}
    whole = samples.whole() if isinstance(samples, Together) else None
    batch: Batch = {
        "inputs": whole
        or {name: pad_sequence(x, batch_first=True) for name, x in sequences.items()},
        "lengths": {name: torch.tensor([len(x) for x in rows]) for name, rows in sequences.items()},
        "target": torch.tensor([sample.target for sample in samples], dtype=torch.float32),
        "id": [sample.id for sample in samples],
    }
    for name, values in batch["inputs"].items():
        check_finite(name, values, batch["id"])
    if owners:
        own = {name: [sample.unimodal_target[name] for sample in samples] for name in owners}
        batch["unimodal_target"] = {
            name: torch.tensor(scores, dtype=torch.float32) for name, scores in own.items()
        }
    return batch


class SequenceDataModule(SplitDataModule[SequenceSplit]):
    """Base of every data set of sequences: name the modalities, and load a split.

    Attributes:
        labelled_modalities: those with a score of their own.
    """

    labelled_modalities: tuple[str, ...] = ()

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Longest L, and D, by modality, as far as they are known before any data are read."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What is known of lengths and widths."""
        lengths = {name: length for name, (length, _) in self.shapes().items()}
        dims = {name: dim for name, (_, dim) in self.shapes().items()}
        return {"feature_dims": dims, "max_lengths": lengths} if dims else {}

    def made_up(self, samples: int) -> SequenceSplit:
        """A split of made-up sequences, each as long as the longest of the data may be."""
        shapes, rng = self.shapes(), np.random.default_rng(0)
        if not shapes:
            return super().made_up(samples)
        targets = rng.uniform(-1, 1, samples).astype(np.float32)
        windows = {  # each begins a step after the one before it, so that they share memory
            name: sliding_window_view(made_values((samples + steps - 1, dim), rng), steps, axis=0)
            for name, (steps, dim) in shapes.items()
        }
        return SequenceSplit(
            arrays={name: window.swapaxes(1, 2) for name, window in windows.items()},
            lengths={name: np.full(samples, steps) for name, (steps, _) in shapes.items()},
            targets=targets,
            ids=made_ids(samples),
            unimodal_targets=dict.fromkeys(self.labelled_modalities, targets),
        )

    @property
    def feature_dims(self) -> dict[str, int]:
        """D by modality; what a model needs."""
        train = self.split("train")
        return {name: train.width(name) for name in self.modalities}

    @property
    def max_lengths(self) -> dict[str, int]:
        """Steps of the longest sequence of all splits by modality; what a model needs."""
        splits = [self.split(name) for name in SPLITS]
        return {name: max(split.longest(name) for split in splits) for name in self.modalities}

    def check_split(self, name: SplitName, split: SequenceSplit) -> None:
        """Refuse a split that is empty, inconsistent, or has labels that are no numbers."""
        check_sequence_split(name, split, self.modalities, self.labelled_modalities)

    collate = staticmethod(collate)


def check_sequence_split(
    name: str,
    split: SequenceSplit,
    modalities: Sequence[str],
    labelled_modalities: Sequence[str] = (),
) -> None:
    """Refuse a split that is empty or inconsistent.

    Args:
        name: of the split.
        split: what to check.
        modalities: those that the data module declares.
        labelled_modalities: those it declares to have a score of their own.

    Raises:
        UserError: names the split, the part or the sample, and what is accepted.
    """
    check_parts(
        name,
        split,
        {
            "sequences": (split.arrays, modalities),
            "lengths": (split.lengths, modalities),
            "labels": (split.unimodal_targets, labelled_modalities),
        },
    )
    _check_lengths(name, split)
    _check_targets(name, split)


def _check_lengths(name: str, split: SequenceSplit) -> None:
    """Refuse lengths outside of what the array holds, naming the first such sample."""
    for modality, lengths in split.lengths.items():
        longest = split.longest(modality)
        if len(outside := np.flatnonzero((lengths < 1) | (lengths > longest))):
            first = outside[0]
            raise UserError(
                f"The length of '{modality}' is {lengths[first]} in sample '{split.ids[first]}' "
                f"of the '{name}' split; accepted are 1 to {longest}."
            )


def _check_targets(name: str, split: SequenceSplit) -> None:
    """Refuse labels that are NaN or infinite, naming the first such sample."""
    for key, scores in _labels(split):
        if len(wrong := np.flatnonzero(~np.isfinite(scores))):
            raise UserError(
                f"{key} of sample '{split.ids[wrong[0]]}' in the '{name}' split is "
                f"{scores[wrong[0]]}; accepted are finite numbers."
            )


def _labels(split: SequenceSplit) -> Iterator[tuple[str, Array]]:
    """Yield what an error calls the labels, and the labels `[n]`."""
    yield "The label", split.targets
    for modality, scores in split.unimodal_targets.items():
        yield f"The label of '{modality}'", scores
