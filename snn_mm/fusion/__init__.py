"""Fusions: features by modality become fused and unimodal logits; one kind a file.

`spiking` and what subclasses it (`cmci`, `misnet`, `sca`, `scmrl`, `weight_attention`) are the
spiking rivals of TAAF's Table 1; the others are linear or gates, and take features of any encoder.
"""

from snn_mm.fusion.added import Added
from snn_mm.fusion.attention import AVAttention
from snn_mm.fusion.base import Fusion, FusionFactory, UnimodalLogits, apply, common_width
from snn_mm.fusion.cmci import CMCI
from snn_mm.fusion.conditioned import FiLM, Gated
from snn_mm.fusion.linear import Concat, Sum
from snn_mm.fusion.misnet import MISNET
from snn_mm.fusion.sca import SCA
from snn_mm.fusion.scmrl import SCMRL
from snn_mm.fusion.spiking import MixingFusion, SpikingFusion
from snn_mm.fusion.weight_attention import WeightAttention

__all__ = [
    "CMCI",
    "MISNET",
    "SCA",
    "SCMRL",
    "AVAttention",
    "Added",
    "Concat",
    "FiLM",
    "Fusion",
    "FusionFactory",
    "Gated",
    "MixingFusion",
    "SpikingFusion",
    "Sum",
    "UnimodalLogits",
    "WeightAttention",
    "apply",
    "common_width",
]
