"""Lightning callbacks: modulations, monitors, run records."""

from snn_mm.callbacks.modulation.agm import AGM
from snn_mm.callbacks.modulation.base import Modulation
from snn_mm.callbacks.modulation.gradient import GradientModulation
from snn_mm.callbacks.modulation.iemf import IEMF
from snn_mm.callbacks.modulation.lfm import LFM
from snn_mm.callbacks.modulation.loss import LossModulation
from snn_mm.callbacks.modulation.loss_adjustment import LossAdjustment
from snn_mm.callbacks.modulation.modality_dropout import ModalityDropout
from snn_mm.callbacks.modulation.mslr import MSLR
from snn_mm.callbacks.modulation.ogm import OGM, OGMGE
from snn_mm.callbacks.modulation.pmr import PMR
from snn_mm.callbacks.modulation.semantic_alignment import SemanticAlignment
from snn_mm.callbacks.recording.attention_monitor import AttentionMonitor
from snn_mm.callbacks.recording.coefficient_monitor import CoefficientMonitor
from snn_mm.callbacks.recording.confusion import ConfusionRecorder
from snn_mm.callbacks.recording.energy import EnergyEstimator
from snn_mm.callbacks.recording.factor_tracker import FactorTracker
from snn_mm.callbacks.recording.firing_rate import FiringRateMonitor
from snn_mm.callbacks.recording.modality_shapley import ModalityShapley
from snn_mm.callbacks.recording.spike_monitor import SpikeMonitor
from snn_mm.callbacks.warm_start import WarmStart

__all__ = [
    "AGM",
    "IEMF",
    "LFM",
    "MSLR",
    "OGM",
    "OGMGE",
    "PMR",
    "AttentionMonitor",
    "CoefficientMonitor",
    "ConfusionRecorder",
    "EnergyEstimator",
    "FactorTracker",
    "FiringRateMonitor",
    "GradientModulation",
    "LossAdjustment",
    "LossModulation",
    "ModalityDropout",
    "ModalityShapley",
    "Modulation",
    "SemanticAlignment",
    "SpikeMonitor",
    "WarmStart",
]
