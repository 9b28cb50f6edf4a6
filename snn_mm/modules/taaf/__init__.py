"""TAAF: attention over time steps, alignment of their numbers, adaptive balanced fusion loss."""

from snn_mm.modules.taaf.module import shared_concat

__all__ = ["shared_concat"]  # configs of runs name it here
