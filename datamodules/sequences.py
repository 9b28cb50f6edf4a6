"""Data sets of feature sequences with scores or classes: sentiment, and whatever else comes so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from datamodules.batches import Together, check_finite, modalities_of, padded
from datamodules.cache import SentAsPlaces
from datamodules.made_up import made_ids, made_windows
from datamodules.raw.sequences import ReadsSequences
from datamodules.sequence_checks import check_sequence_split
from datamodules.split import Draw, Masks, Source
from datamodules.split_module import SPLITS, SplitDataModule, SplitName
from snn_mm.contracts import Batch

Array = NDArray[Any]


class SequenceSample(NamedTuple):
    """One sample; its lengths are those of its inputs.

    Attributes:
        inputs: `[L, D]` in float32 by modality, without padding; every modality has its own L. One
            that is absent is left out, or has no step.
        target: the score, or a whole number: the class.
        unimodal_target: the score by modality, for those that have one of their own and are there.
        id: the name that error messages use.
    """

    inputs: dict[str, Tensor]
    target: float | int
    unimodal_target: dict[str, float]
    id: str


@dataclass(frozen=True)
class SequenceSplit(SentAsPlaces, Source):
    """Padded sequences, each read up to its length.

    Attributes:
        arrays: `[n, L, D]` by modality, padded at the end; may be memory-mapped.
        lengths: how many steps are no padding, `[n]` by modality.
        targets: the score of each sample, or in whole numbers its class, `[n]`.
        unimodal_targets: scores `[n]` by modality, for those that have their own.
        content: a digest of `arrays` where it is known, so that large files are not read for it.
        present: which samples have a modality, `[n]` in bool by modality; one that is not named all
            have. What stands elsewhere for samples without it is never read.
    """

    arrays: Mapping[str, Array]
    lengths: Mapping[str, Array]
    targets: Array
    ids: Sequence[str]
    unimodal_targets: Mapping[str, Array] = field(default_factory=dict)
    content: str | None = None
    present: Masks = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int | Draw) -> SequenceSample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[SequenceSample]:
        """Read the samples of a batch into one padded tensor a modality."""
        self.check_files()
        rows = [Draw.of(index).row for index in indices]
        found = {name: [self.steps(name, row) for row in rows] for name in self.arrays}
        inputs = {name: padded(sequences) for name, sequences in found.items()}
        samples = []
        for place, row in enumerate(rows):
            own = {
                name: float(scores[row])
                for name, scores in self.unimodal_targets.items()
                if self.has(name, row)
            }
            values = {name: inputs[name][place, : len(x[place])] for name, x in found.items()}
            target, name = self.targets[row].item(), str(self.ids[row])
            samples.append(SequenceSample(values, target, own, name))
        return Together(samples, inputs)

    def has(self, modality: str, row: int) -> bool:
        """Return whether a sample has a modality."""
        return modality not in self.present or bool(self.present[modality][row])

    def steps(self, modality: str, row: int) -> Array:
        """Return the steps `[L, D]` of one sample; without the modality it has none, `[0, D]`."""
        if self.has(modality, row):
            return self.sequence(modality, row)
        return np.empty((0, self.width(modality)), dtype=np.float32)

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
        lengths |= {f"present of {name}": len(x) for name, x in self.present.items()}
        ids = {"labels": len(self.targets), "unique ids": len(set(self.ids))}
        return {**arrays, **lengths, **own, **ids}

    def digest(self) -> str:
        """Return a SHA-256 of everything that decides the samples."""
        sha = hashlib.sha256("\n".join(self.ids).encode())
        arrays = {} if self.content is not None else self.arrays
        sha.update((self.content or "").encode())
        targets, own = {"": self.targets}, self.unimodal_targets
        for part in (arrays, self.lengths, targets, own, self.present):
            for name, array in sorted(part.items()):
                sha.update(f"{name} {array.dtype} {array.shape}".encode())
                sha.update(np.ascontiguousarray(array).data)
        return sha.hexdigest()


def collate(samples: list[SequenceSample]) -> Batch:
    """Pad sequences with zeros to the longest of the batch, refusing those that are not finite."""
    sequences = {name: _of_all(samples, name) for name in modalities_of(samples)}
    whole = samples.whole() if isinstance(samples, Together) else None
    lengths = {name: torch.tensor([len(x) for x in rows]) for name, rows in sequences.items()}
    batch: Batch = {
        "inputs": whole or _padded(sequences),
        "lengths": lengths,
        "target": _targets([sample.target for sample in samples]),
        "id": [sample.id for sample in samples],
    }
    for name, values in batch["inputs"].items():
        check_finite(name, values, batch["id"])
    if absent := [name for name, steps in lengths.items() if not steps.all()]:
        batch["present"] = {name: lengths[name] > 0 for name in absent}
    owners = dict.fromkeys(name for sample in samples for name in sample.unimodal_target)
    own = {name: [_own(sample, name) for sample in samples] for name in owners}
    if own:
        batch["unimodal_target"] = {
            name: torch.tensor(scores, dtype=torch.float32) for name, scores in own.items()
        }
    return batch


def _of_all(samples: Sequence[SequenceSample], modality: str) -> list[Tensor]:
    """Return the sequences `[L, D]` of a modality, `[0, D]` of samples without it.

    Where no sample says what D is, `[0]`.
    """
    found = [sample.inputs.get(modality) for sample in samples]
    one = next((x for x in found if x is not None), torch.empty(0))
    return [one[:0] if x is None else x for x in found]


def _padded(sequences: dict[str, list[Tensor]]) -> dict[str, Tensor]:
    """Return batches `[N, L, D]` of sequences `[L, D]` by modality, none of `[0]`."""
    known = {name: rows for name, rows in sequences.items() if rows[0].dim() > 1}
    return {name: pad_sequence(rows, batch_first=True) for name, rows in known.items()}


def _own(sample: SequenceSample, modality: str) -> float:
    """Return the score of a modality; where it is absent, a number that is never read will do."""
    absent = not len(sample.inputs.get(modality, ()))
    return sample.unimodal_target.get(modality, 0.0) if absent else sample.unimodal_target[modality]


def _targets(targets: list[float | int]) -> Tensor:
    """Return scores `[N]` in float32, or classes `[N]` in int64."""
    classes = all(isinstance(target, int) for target in targets)
    return torch.tensor(targets, dtype=torch.int64 if classes else torch.float32)


class SequenceDataModule(ReadsSequences, SplitDataModule[SequenceSplit]):
    """Base of every data set of sequences: name the modalities, and load a split.

    Attributes:
        labelled_modalities: those with a score of their own.
        num_classes: K where samples have classes; None where they have scores.
    """

    labelled_modalities: tuple[str, ...] = ()
    num_classes: int | None = None

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Longest L, and D, by modality, as far as they are known before any data are read."""
        return {}

    def class_counts(self) -> list[int]:
        """How many training samples each class has, K."""
        return [
            *map(int, np.bincount(self.split("train").targets, minlength=self.num_classes or 0))
        ]

    def facts(self) -> dict[str, Any]:
        """What is known of lengths, widths and classes."""
        classes = {} if self.num_classes is None else {"num_classes": self.num_classes}
        lengths = {name: length for name, (length, _) in self.shapes().items()}
        dims = {name: dim for name, (_, dim) in self.shapes().items()}
        return classes | ({"feature_dims": dims, "max_lengths": lengths} if dims else {})

    def made_up(self, samples: int) -> SequenceSplit:
        """A split of made-up sequences, each as long as the longest of the data may be."""
        shapes, rng = self.shapes(), np.random.default_rng(0)
        if not shapes:
            return super().made_up(samples)
        scores = rng.uniform(-1, 1, samples).astype(np.float32)
        targets = scores if self.num_classes is None else np.arange(samples) % self.num_classes
        return SequenceSplit(
            arrays={name: made_windows(samples, *shape, rng) for name, shape in shapes.items()},
            lengths={name: np.full(samples, steps) for name, (steps, _) in shapes.items()},
            targets=targets,
            ids=made_ids(samples),
            unimodal_targets=dict.fromkeys(self.labelled_modalities, scores),
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
        """Refuse a split that is empty, inconsistent, or has labels that are no such targets."""
        check_sequence_split(
            name, split, self.modalities, self.labelled_modalities, self.num_classes
        )

    collate = staticmethod(collate)
