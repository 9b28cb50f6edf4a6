"""The spiking rivals of TAAF's Table 1, as fusions for any encoders: one method a file."""

from snn_mm.spiking_fusion.base import MixingFusion, SpikingFusion
from snn_mm.spiking_fusion.cmci import CMCI
from snn_mm.spiking_fusion.misnet import MISNET
from snn_mm.spiking_fusion.sca import SCA
from snn_mm.spiking_fusion.scmrl import SCMRL
from snn_mm.spiking_fusion.weight_attention import WeightAttention

__all__ = [
    "CMCI",
    "MISNET",
    "SCA",
    "SCMRL",
    "MixingFusion",
    "SpikingFusion",
    "WeightAttention",
]
