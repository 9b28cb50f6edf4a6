"""LightningModules: the base, then one a paper or task."""

from snn_mm.modules.avqa import AVQAModule
from snn_mm.modules.base import MultimodalModule
from snn_mm.modules.continual import ContinualModule
from snn_mm.modules.grounding import GroundingModule
from snn_mm.modules.iemf import IEMFModule
from snn_mm.modules.sentiment import SentimentModule
from snn_mm.modules.sgmt import SGMTModule
from snn_mm.modules.taaf import TAAFModule

__all__ = [
    "AVQAModule",
    "ContinualModule",
    "GroundingModule",
    "IEMFModule",
    "MultimodalModule",
    "SGMTModule",
    "SentimentModule",
    "TAAFModule",
]
