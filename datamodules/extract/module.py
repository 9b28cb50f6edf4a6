"""Clips of one's own, as `snnmm extract` has prepared them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from datamodules.feature_scale import FeatureScale
from datamodules.features.store import FeatureStore
from datamodules.sequences import SequenceDataModule, SequenceSplit
from datamodules.split_module import DEFAULT_LOADER, LoaderOptions, SplitName
from snn_mm.errors import UserError


@dataclass(frozen=True, kw_only=True)
class ScaledSplit(SequenceSplit):
    """Sequences that are standardised as they are read, so that they stay mapped.

    Attributes:
        scales: shift and scale by modality; those that it lacks stay as they are.
    """

    scales: Mapping[str, FeatureScale]

    def sequence(self, modality: str, row: int) -> NDArray[Any]:
        """Return the steps `[L, D]` of one sample that are no padding."""
        steps = super().sequence(modality, row)
        return self.scales[modality](steps) if modality in self.scales else steps


class ExtractedFeatures(SequenceDataModule):
    """Feature sequences that `snnmm extract` made of one's own clips.

    Modalities, widths, lengths and whether modalities have scores of their own are what was
    extracted.

    Args:
        root: directory of the data, as `snnmm extract --root` has it.
        name: of the clips, as `snnmm extract --name` has it.
        standardise: shift and scale each feature to the mean and deviation of the training steps.
        seed: decides the training order.
        loader: how batches are loaded.
    """

    def __init__(
        self,
        root: str = "data",
        name: str = "clips",
        standardise: bool = True,
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
    ) -> None:
        super().__init__(root, seed, loader)
        self.name, self.standardise = name, standardise
        directory = Path(root) / "prepared" / name
        if not directory.is_dir():
            raise UserError(
                f"{directory} is missing. Make it:\n"
                f"snnmm extract --clips DIR --labels FILE --name {name} --root {root}"
            )
        self.store = FeatureStore(directory)
        self.modalities = tuple(self.store.statistics)
        self.labelled_modalities = self.store.labelled_modalities

    @cached_property
    def scales(self) -> dict[str, FeatureScale]:
        """Shift and scale by modality; none if not standardised."""
        statistics = self.store.statistics if self.standardise else {}
        return {modality: FeatureScale(*values) for modality, values in statistics.items()}

    def load_split(self, name: SplitName) -> ScaledSplit:
        """Map one split."""
        content = self.store.split(name)
        return ScaledSplit(
            arrays=content.arrays,
            lengths=content.lengths,
            targets=content.targets,
            ids=content.ids,
            unimodal_targets=content.unimodal_targets,
            content=self.store.fingerprint,
            scales=self.scales,
        )

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        return {"standardise": self.standardise}
