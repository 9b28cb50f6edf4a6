"""Networks that score sentiment from sequences of features: the baselines of SGMT."""

from snn_mm.modules.sentiment.ef_lstm import EFLSTM
from snn_mm.modules.sentiment.graph_mfn import GraphMFN
from snn_mm.modules.sentiment.lf_dnn import LFDNN
from snn_mm.modules.sentiment.lmf import LMF
from snn_mm.modules.sentiment.mfn import MFN
from snn_mm.modules.sentiment.module import SentimentModule, adam
from snn_mm.modules.sentiment.mult import MulT
from snn_mm.modules.sentiment.multitask import MLFDNN, MLMF, MTFN
from snn_mm.modules.sentiment.tfn import TFN

__all__ = [
    "EFLSTM",
    "LFDNN",
    "LMF",
    "MFN",
    "MLFDNN",
    "MLMF",
    "MTFN",
    "TFN",
    "GraphMFN",
    "MulT",
    "SentimentModule",
    "adam",
]
