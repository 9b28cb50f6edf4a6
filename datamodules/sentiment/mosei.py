"""CMU-MOSEI from the distributed feature files."""

from __future__ import annotations

from typing import ClassVar

from datamodules.sentiment.feature_file_module import Distributed
from datamodules.sentiment.mosi import AlignedFileModule


class Mosei(AlignedFileModule):
    """CMU-MOSEI (Zadeh et al., ACL 2018): 22,856 utterances, scores in [-3, 3], none by modality.

    The aligned file has 50 steps of text (768), audio (74) and vision (35); in the unaligned one
    audio and vision have 500 steps.
    """

    title: ClassVar[str] = "CMU-MOSEI"
    files: ClassVar[dict[str, Distributed]] = {
        "aligned": Distributed(
            "MOSEI/Processed/aligned_50.pkl",
            {"text": (50, 768), "audio": (50, 74), "visual": (50, 35)},
            "45eccfb748a87c80ecab9bfac29582e7b1466bf6605ff29d3b338a75120bf791",
        ),
        "unaligned": Distributed(
            "MOSEI/Processed/unaligned_50.pkl",
            {"text": (50, 768), "audio": (500, 74), "visual": (500, 35)},
            "ad8b23d50557045e7d47959ce6c5b955d8d983f2979c7d9b7b9226f6dd6fec1f",
        ),
    }
