"""CMU-MOSI from the distributed feature files."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from datamodules.sentiment.feature_file_module import Distributed, FeatureFileModule
from snn_mm.errors import check_choice

Alignment = Literal["aligned", "unaligned"]


class AlignedFileModule(FeatureFileModule):
    """Base of data sets that are distributed with steps aligned to words, and without.

    Args:
        alignment: which of the two files; `file` overrides it.
    """

    files: ClassVar[dict[str, Distributed]]

    def __init__(
        self, root: str = "data", alignment: Alignment = "aligned", **options: Any
    ) -> None:
        super().__init__(root, **options)
        check_choice("alignment", alignment, tuple(self.files))
        self.alignment = alignment

    @property
    def distributed(self) -> Distributed:
        """The aligned or the unaligned file."""
        return self.files[self.alignment]


class Mosi(AlignedFileModule):
    """CMU-MOSI (Zadeh et al., 2016): 2,199 utterances, scores in [-3, 3], none by modality.

    The aligned file has 50 steps of text (768), audio (5) and vision (20); in the unaligned one
    audio has 375 steps and vision 500.
    """

    title: ClassVar[str] = "CMU-MOSI"
    files: ClassVar[dict[str, Distributed]] = {
        "aligned": Distributed(
            "MOSI/Processed/aligned_50.pkl",
            {"text": (50, 768), "audio": (50, 5), "visual": (50, 20)},
            "d3994fd25681f9c7ad6e9c6596a6fe9b4beb85ff7d478ba978b124139002e5f9",
        ),
        "unaligned": Distributed(
            "MOSI/Processed/unaligned_50.pkl",
            {"text": (50, 768), "audio": (375, 5), "visual": (500, 20)},
            "78e0f8b5ef8ff71558e7307848fc1fa929ecb078203f565ab22b9daab2e02524",
        ),
    }
