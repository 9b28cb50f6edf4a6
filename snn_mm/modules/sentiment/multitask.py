"""MLF-DNN, MLMF and MTFN: late fusions that also learn each modality's own label (CH-SIMS).

Source: multi-task framework of CH-SIMS, Yu et al., ACL 2020. Defaults are MMSA's for CH-SIMS v2.
MMSA rates the unimodal scores against the label of the whole clip in what it logs of training;
here each is rated against what it learns.
"""

from __future__ import annotations

from typing import Any

from snn_mm.modules.sentiment.lf_dnn import LFDNN
from snn_mm.modules.sentiment.lmf import LMF
from snn_mm.modules.sentiment.tfn import TFN

LF_HIDDEN, LF_HEADS = (
    {"text": 128, "audio": 32, "visual": 128},
    {"text": 32, "audio": 4, "visual": 64},
)
LMF_HIDDEN, LMF_HEADS = (
    {"text": 64, "audio": 16, "visual": 64},
    {"text": 16, "audio": 5, "visual": 16},
)
TFN_HIDDEN, TFN_HEADS = (
    {"text": 64, "audio": 16, "visual": 64},
    {"text": 16, "audio": 5, "visual": 64},
)


class MLFDNN(LFDNN):
    """LF-DNN with a score for each modality, trained on the modality's own label."""

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = LF_HIDDEN,
        text_out: int = 32,
        dropout: float = 0.2,
        fused_hidden: int = 64,
        fused_dropout: float = 0.3,
        head_hidden: dict[str, int] = LF_HEADS,
        head_dropout: float = 0.3,
    ) -> None:
        super().__init__(
            feature_dims, max_lengths, hidden, text_out, dropout, fused_hidden, fused_dropout
        )
        self.add_unimodal_heads(head_hidden, head_dropout)


class MLMF(LMF):
    """LMF with a score for each modality, trained on the modality's own label.

    MMSA gives the weights and the bias of the fusion a learning rate of 0; here they are trained.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = LMF_HIDDEN,
        dropout: float = 0.3,
        rank: int = 6,
        head_hidden: dict[str, int] = LMF_HEADS,
        head_dropout: float = 0.4,
    ) -> None:
        super().__init__(feature_dims, max_lengths, hidden, dropout, rank)
        self.add_unimodal_heads(head_hidden, head_dropout)


class MTFN(TFN):
    """TFN with a score for each modality, trained on the modality's own label.

    With MMSA's defaults it has the best Acc-5 of MMSA's table. Only the fused score is kept in
    `output_range`, as in MMSA.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = TFN_HIDDEN,
        text_out: int = 32,
        fused_hidden: int = 64,
        head_hidden: dict[str, int] = TFN_HEADS,
        head_dropout: float = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(
            feature_dims, max_lengths, hidden, text_out, fused_hidden=fused_hidden, **options
        )
        self.add_unimodal_heads(head_hidden, head_dropout)
