"""LightningModules: the base, then a folder for each paper or task, with all that only it uses."""

from snn_mm.modules.avqa import AVQAModule, GroundingModule
from snn_mm.modules.base import MultimodalModule
from snn_mm.modules.continual import ContinualModule
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
