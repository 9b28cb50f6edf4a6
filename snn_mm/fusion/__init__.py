"""Fusions: features by modality become fused and unimodal logits; one kind a file."""

from snn_mm.fusion.attention import AVAttention
from snn_mm.fusion.base import Fusion, FusionFactory, UnimodalLogits, apply, common_width
from snn_mm.fusion.conditioned import FiLM, Gated
from snn_mm.fusion.linear import Concat, Sum

__all__ = [
    "AVAttention",
    "Concat",
    "FiLM",
    "Fusion",
    "FusionFactory",
    "Gated",
    "Sum",
    "UnimodalLogits",
    "apply",
    "common_width",
]
