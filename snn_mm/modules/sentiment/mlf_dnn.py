"""MLF-DNN: late fusion that also learns each modality's own label (CH-SIMS)."""

from __future__ import annotations

from snn_mm.modules.sentiment.lf_dnn import LFDNN
from snn_mm.modules.sentiment.subnets import unimodal_heads

HIDDEN = {"text": 128, "audio": 32, "visual": 128}
HEAD_HIDDEN = {"text": 32, "audio": 4, "visual": 64}


class MLFDNN(LFDNN):
    """LF-DNN with a score for each modality, trained on the modality's own label.

    Defaults are MMSA's for CH-SIMS v2. MMSA rates the unimodal scores against the label of the
    whole clip in what it logs of training; here each is rated against what it learns.

    Source: multi-task framework of CH-SIMS, Yu et al., ACL 2020.

    Args:
        feature_dims: D by modality.
        max_lengths: longest sequence of the data by modality.
        hidden: units of each modality's network by modality.
        text_out: size of the vector of text.
        dropout: of the features of all modalities but text.
        fused_hidden: units of each layer of the fused head.
        fused_dropout: of the concatenated vectors.
        head_hidden: units of each layer of a unimodal head by modality.
        head_dropout: of the vector that a unimodal head scores.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = HIDDEN,
        text_out: int = 32,
        dropout: float = 0.2,
        fused_hidden: int = 64,
        fused_dropout: float = 0.3,
        head_hidden: dict[str, int] = HEAD_HIDDEN,
        head_dropout: float = 0.3,
    ) -> None:
        super().__init__(
            feature_dims, max_lengths, hidden, text_out, dropout, fused_hidden, fused_dropout
        )
        self.unimodal_heads = unimodal_heads(self.widths, head_hidden, head_dropout)
