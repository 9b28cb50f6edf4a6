"""TAAF: attention over time steps, alignment of their numbers, adaptive balanced fusion loss."""

from snn_mm.modules.taaf.module import TAAFModule, shared_concat

__all__ = ["TAAFModule", "shared_concat"]
