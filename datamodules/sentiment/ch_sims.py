"""CH-SIMS and CH-SIMS v2: Chinese clips with one score for all, and one for each modality."""

from __future__ import annotations

from typing import ClassVar

from datamodules.sentiment.feature_file_module import Distributed, FeatureFileModule


class CHSims(FeatureFileModule):
    """CH-SIMS (Yu et al., ACL 2020): 2,281 clips, scores in [-1, 1].

    The distributed file has text 39 x 768, audio 400 x 33 and vision 55 x 709. Features made by
    MMSA-FET may lack the scores by modality; then no modality is labelled.
    """

    title: ClassVar[str] = "CH-SIMS"

    @property
    def distributed(self) -> Distributed:
        """The unaligned features."""
        return Distributed(
            "SIMS/Processed/unaligned_39.pkl",
            {"text": (39, 768), "audio": (400, 33), "visual": (55, 709)},
            "c9e20c13ec0454d98bb9c1e520e490c75146bfa2dfeeea78d84de047dbdd442f",
        )


class CHSimsV2(FeatureFileModule):
    """CH-SIMS v2 (s) (Liu et al., ICMI 2022): 4,403 labelled clips, scores in [-1, 1].

    The distributed file has text 50 x 768, audio 925 x 25 and vision 232 x 177.
    """

    title: ClassVar[str] = "CH-SIMS v2 (s)"
    page: ClassVar[str] = "github.com/thuiar/ch-sims-v2"

    @property
    def distributed(self) -> Distributed:
        """The supervised part."""
        shapes = {"text": (50, 768), "audio": (925, 25), "visual": (232, 177)}
        return Distributed("ch-simsv2s.pkl", shapes)
