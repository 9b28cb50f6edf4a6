"""Sequences of features that belong to no data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datamodules.raw.reads import UNLABELLED, Place, RawReader, ReadsRaw
from datamodules.split import FeatureScale
from snn_mm.errors import UserError


@dataclass(frozen=True)
class SequenceReader:
    """A sequence `[L, D]`, standardised as those of the training part.

    Attributes:
        features: D.
        longest: steps that a sequence may have.
        scale: standardises it; None leaves it.
    """

    features: int
    longest: int
    scale: FeatureScale | None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> SequenceReader:
        """Make it of what `learn_preparation` says of a modality."""
        scale = record["scale"] and FeatureScale.of_record(record["scale"])
        return cls(record["features"], record["longest"], scale)

    def __call__(self, place: Place, sample: str) -> NDArray[np.float32]:
        """Read `[L, D]`."""
        from datamodules.raw.arrays import numbers_of

        values = numbers_of(place, (None, self.features))
        if len(values) > self.longest:
            raise UserError(
                f"{place.path.name}: {place.modality} has {len(values)} steps; "
                f"accepted are 1 to {self.longest}"
            )
        return values.astype(np.float32) if self.scale is None else self.scale(values)


class ReadsSequences(ReadsRaw):
    """Base of data modules of sequences that read raw files.

    Attributes:
        num_classes: K where samples have classes; None where they have scores.
    """

    modalities: tuple[str, ...]
    num_classes: int | None

    @property
    def feature_dims(self) -> dict[str, int]:
        """D by modality."""
        raise NotImplementedError

    @property
    def max_lengths(self) -> dict[str, int]:
        """Steps of the longest sequence by modality."""
        raise NotImplementedError

    def feature_scales(self) -> Mapping[str, FeatureScale]:
        """What features are standardised by, of those modalities that are.

        Raises:
            UserError: the class does not say, so that it is not known of raw files.
        """
        raise UserError(
            f"{type(self).__name__} does not say what features are standardised by\n"
            "accepted: a class that has feature_scales, {} where nothing is"
        )

    def learn_preparation(self) -> dict[str, Any]:
        """Widths and lengths of the sequences, and what they are standardised by."""
        scales, dims, lengths = self.feature_scales(), self.feature_dims, self.max_lengths
        sequences = {
            name: {
                "features": dims[name],
                "longest": lengths[name],
                "scale": scales[name].record() if name in scales else None,
            }
            for name in self.modalities
        }
        return {"sequences": sequences}

    def raw_readers(self) -> Mapping[str, RawReader]:
        """Files of numbers, `[L, D]` by modality."""
        from datamodules.raw.arrays import NUMBERS  # here, because training reads no raw files

        said = self.preparation["sequences"]
        return {name: RawReader(SequenceReader.of(said[name]), NUMBERS) for name in said}

    def raw_sample(self, inputs: dict[str, Tensor], name: str) -> Any:
        """A sample without a label."""
        from datamodules.sequences import SequenceSample

        target = float("nan") if self.num_classes is None else UNLABELLED
        return SequenceSample(inputs, target, {}, name)
