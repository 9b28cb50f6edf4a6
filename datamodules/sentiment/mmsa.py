"""CMU-MOSI, CMU-MOSEI, CH-SIMS and CH-SIMS v2 from the feature files that MMSA distributes."""

from __future__ import annotations

from typing import Any, ClassVar

from datamodules.sentiment.feature_file_module import Alignment, Distributed, FeatureFileModule
from snn_mm.errors import check_choice


class AlignedFileModule(FeatureFileModule):
    """Base of data sets that are distributed with steps aligned to words, and without.

    Args:
        alignment: which of the two files; `file` overrides it.
    """

    def __init__(
        self, root: str = "data", alignment: Alignment = "aligned", **options: Any
    ) -> None:
        super().__init__(root, **options)
        check_choice("alignment", alignment, tuple(self.files))
        self.alignment = alignment


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


class CHSims(FeatureFileModule):
    """CH-SIMS (Yu et al., ACL 2020): 2,281 Chinese clips, scores in [-1, 1], by modality too.

    The distributed file has text 39 x 768, audio 400 x 33 and vision 55 x 709. Features made by
    MMSA-FET may lack the scores by modality; then no modality is labelled.
    """

    title: ClassVar[str] = "CH-SIMS"
    files: ClassVar[dict[str, Distributed]] = {
        "unaligned": Distributed(
            "SIMS/Processed/unaligned_39.pkl",
            {"text": (39, 768), "audio": (400, 33), "visual": (55, 709)},
            "c9e20c13ec0454d98bb9c1e520e490c75146bfa2dfeeea78d84de047dbdd442f",
            own_labels=True,
        )
    }


class CHSimsV2(FeatureFileModule):
    """CH-SIMS v2 (s) (Liu et al., ICMI 2022): 4,403 labelled Chinese clips, scores as in CH-SIMS.

    The distributed file, the supervised part, has text 50 x 768, audio 925 x 25 and vision
    232 x 177.
    """

    title: ClassVar[str] = "CH-SIMS v2 (s)"
    page: ClassVar[str] = "github.com/thuiar/ch-sims-v2"
    files: ClassVar[dict[str, Distributed]] = {
        "unaligned": Distributed(
            "ch-simsv2s.pkl",
            {"text": (50, 768), "audio": (925, 25), "visual": (232, 177)},
            own_labels=True,
        )
    }
