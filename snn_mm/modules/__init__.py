"""LightningModules: the base, then a folder for each paper or task, with all that only it uses."""

from snn_mm.modules.avqa.grounding_module import GroundingModule
from snn_mm.modules.avqa.module import AVQAModule
from snn_mm.modules.base import MultimodalModule
from snn_mm.modules.continual.module import ContinualModule
from snn_mm.modules.iemf.module import IEMFModule
from snn_mm.modules.sentiment.module import SentimentModule
from snn_mm.modules.sgmt.module import SGMTModule
from snn_mm.modules.taaf.module import TAAFModule

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
