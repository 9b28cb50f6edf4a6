"""IEMF: joint unimodal learning, and the theorem on its update as numbers (`theory`)."""

from snn_mm.modules.iemf.module import IEMFModule

__all__ = ["IEMFModule"]
