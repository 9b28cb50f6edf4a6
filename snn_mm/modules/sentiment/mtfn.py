"""MTFN: tensor fusion that also learns each modality's own label (CH-SIMS)."""

from __future__ import annotations

from snn_mm.modules.sentiment.subnets import unimodal_heads
from snn_mm.modules.sentiment.tfn import TFN

HIDDEN = {"text": 64, "audio": 16, "visual": 64}
HEAD_HIDDEN = {"text": 16, "audio": 5, "visual": 64}


class MTFN(TFN):
    """TFN with a score for each modality, trained on the modality's own label.

    Defaults are MMSA's for CH-SIMS v2, where it has the best Acc-5 of MMSA's table. Only the fused
    score is kept in `output_range`, as in MMSA. MMSA rates the unimodal scores against the label of
    the whole clip in what it logs of training; here each is rated against what it learns.

    Source: multi-task framework of CH-SIMS, Yu et al., ACL 2020.

    Args:
        feature_dims: D by modality.
        max_lengths: longest sequence of the data by modality.
        hidden: units of each modality's network by modality.
        text_out: size of the vector of text.
        dropout: of the features of all modalities but text.
        fused_hidden: units of each layer of the fused head.
        fused_dropout: of the products.
        output_range: bounds between which a sigmoid keeps the fused score; null for a linear score.
        head_hidden: units of each layer of a unimodal head by modality.
        head_dropout: of the vector that a unimodal head scores.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = HIDDEN,
        text_out: int = 32,
        dropout: float = 0.3,
        fused_hidden: int = 64,
        fused_dropout: float = 0.5,
        output_range: tuple[float, float] | None = None,
        head_hidden: dict[str, int] = HEAD_HIDDEN,
        head_dropout: float = 0.5,
    ) -> None:
        super().__init__(
            feature_dims,
            max_lengths,
            hidden,
            text_out,
            dropout,
            fused_hidden,
            fused_dropout,
            output_range,
        )
        self.unimodal_heads = unimodal_heads(self.widths, head_hidden, head_dropout)
