"""Clips of one's own, as `snnmm extract` has prepared them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datamodules.feature_files.store import FeatureStore
from datamodules.sentiment.feature_file_module import open_split, scales_of
from datamodules.sequences import SequenceDataModule, SequenceSplit
from datamodules.split import FeatureScale
from datamodules.split_module import SplitName
from snn_mm.errors import UserError


class ExtractedFeatures(SequenceDataModule):
    """Feature sequences that `snnmm extract` made of one's own clips.

    Modalities, widths, lengths and whether modalities have scores of their own are what was
    extracted.

    Args:
        name: of the clips, as `snnmm extract --name` has it.
        standardise: shift and scale each feature to the mean and deviation of the training steps.
    """

    def __init__(
        self, root: str = "data", name: str = "clips", standardise: bool = True, **options: Any
    ) -> None:
        super().__init__(root, **options)
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

    def load_split(self, name: SplitName) -> SequenceSplit:
        """Map one split."""
        return open_split(self.store.directory, name, self.standardise)

    def feature_scales(self) -> dict[str, FeatureScale]:
        """Mean and deviation of the training steps."""
        return scales_of(self.store) if self.standardise else {}

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        return {"standardise": self.standardise}
