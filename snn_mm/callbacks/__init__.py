"""Lightning callbacks: modulations, monitors, run records."""

from snn_mm.callbacks.agm import AGM
from snn_mm.callbacks.attention_monitor import AttentionMonitor
from snn_mm.callbacks.coefficient_monitor import CoefficientMonitor
from snn_mm.callbacks.energy import EnergyEstimator
from snn_mm.callbacks.factor_tracker import FactorTracker
from snn_mm.callbacks.firing_rate import FiringRateMonitor
from snn_mm.callbacks.gradient_modulation import GradientModulation
from snn_mm.callbacks.iemf import IEMF
from snn_mm.callbacks.lfm import LFM
from snn_mm.callbacks.loss_adjustment import LossAdjustment
from snn_mm.callbacks.loss_modulation import LossModulation
from snn_mm.callbacks.modulation import Modulation
from snn_mm.callbacks.mslr import MSLR
from snn_mm.callbacks.ogm import OGM, OGMGE
from snn_mm.callbacks.pmr import PMR
from snn_mm.callbacks.semantic_alignment import SemanticAlignment
from snn_mm.callbacks.spike_monitor import SpikeMonitor
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
    "EnergyEstimator",
    "FactorTracker",
    "FiringRateMonitor",
    "GradientModulation",
    "LossAdjustment",
    "LossModulation",
    "Modulation",
    "SemanticAlignment",
    "SpikeMonitor",
    "WarmStart",
]
