"""MLMF: low-rank fusion that also learns each modality's own label (CH-SIMS)."""

from __future__ import annotations

from snn_mm.modules.sentiment.lmf import LMF
from snn_mm.modules.sentiment.subnets import unimodal_heads

HIDDEN = {"text": 64, "audio": 16, "visual": 64}
HEAD_HIDDEN = {"text": 16, "audio": 5, "visual": 16}


class MLMF(LMF):
    """LMF with a score for each modality, trained on the modality's own label.

    Defaults are MMSA's for CH-SIMS v2. MMSA gives the weights and the bias of the fusion a learning
    rate of 0; here they are trained. MMSA rates the unimodal scores against the label of the whole
    clip in what it logs of training; here each is rated against what it learns.

    Source: multi-task framework of CH-SIMS, Yu et al., ACL 2020.

    Args:
        feature_dims: D by modality.
        max_lengths: longest sequence of the data by modality.
        hidden: units of each modality's network by modality; the vector of text has half of its.
        dropout: of the features of all modalities but text.
        rank: of the fusion's weights.
        head_hidden: units of each layer of a unimodal head by modality.
        head_dropout: of the vector that a unimodal head scores.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = HIDDEN,
        dropout: float = 0.3,
        rank: int = 6,
        head_hidden: dict[str, int] = HEAD_HIDDEN,
        head_dropout: float = 0.4,
    ) -> None:
        super().__init__(feature_dims, max_lengths, hidden, dropout, rank)
        self.unimodal_heads = unimodal_heads(self.widths, head_hidden, head_dropout)
