"""SGMT, the spike-generated multimodal transformer: layers, single-modal and fusion networks."""

from snn_mm.sgmt.fusion import FusionNetwork, Merge
from snn_mm.sgmt.layer import SpikingLayer
from snn_mm.sgmt.network import SGMT, SingleModalNetwork

__all__ = ["SGMT", "FusionNetwork", "Merge", "SingleModalNetwork", "SpikingLayer"]
