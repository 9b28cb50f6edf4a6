"""Networks that score sentiment from sequences of features: the baselines of SGMT."""

from snn_mm.sentiment.ef_lstm import EFLSTM
from snn_mm.sentiment.graph_mfn import GraphMFN
from snn_mm.sentiment.lf_dnn import LFDNN
from snn_mm.sentiment.lmf import LMF
from snn_mm.sentiment.mfn import MFN
from snn_mm.sentiment.mlf_dnn import MLFDNN
from snn_mm.sentiment.mlmf import MLMF
from snn_mm.sentiment.mtfn import MTFN
from snn_mm.sentiment.mult import MulT
from snn_mm.sentiment.tfn import TFN

__all__ = ["EFLSTM", "LFDNN", "LMF", "MFN", "MLFDNN", "MLMF", "MTFN", "TFN", "GraphMFN", "MulT"]
