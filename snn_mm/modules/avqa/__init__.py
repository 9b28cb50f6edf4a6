"""Audio-visual question answering: the parts of Baseline and ST-AVQA, and their spiking twins.

Li et al., "Learning to Answer Questions in Dynamic Audio-Visual Scenarios" (CVPR 2022). A newcomer
reads `grounding` (where in a frame a sound is), `encoders`, `question`, `temporal`, `fusion`.
"""

from snn_mm.modules.avqa.encoders import GroundedFrames, PooledFrames, SoundEncoder
from snn_mm.modules.avqa.fusion import QuestionFusion
from snn_mm.modules.avqa.grounding_module import GroundingModule
from snn_mm.modules.avqa.module import AVQAModule
from snn_mm.modules.avqa.question import QuestionEncoder

__all__ = [
    "AVQAModule",
    "GroundedFrames",
    "GroundingModule",
    "PooledFrames",
    "QuestionEncoder",
    "QuestionFusion",
    "SoundEncoder",
]
