"""SGMT, the spike-generated multimodal transformer: layers, single-modal and fusion networks."""

from snn_mm.modules.sgmt.fusion import FusionNetwork, Merge
from snn_mm.modules.sgmt.layer import SpikingLayer
from snn_mm.modules.sgmt.module import SGMTModule
from snn_mm.modules.sgmt.network import SGMT, SingleModalNetwork

__all__ = ["SGMT", "FusionNetwork", "Merge", "SGMTModule", "SingleModalNetwork", "SpikingLayer"]
