"""Lightning callbacks: modulations, monitors, run records."""

from snn_mm.callbacks.energy import EnergyEstimator
from snn_mm.callbacks.firing_rate import FiringRateMonitor
from snn_mm.callbacks.iemf import IEMF
from snn_mm.callbacks.modulation import Modulation

__all__ = ["IEMF", "EnergyEstimator", "FiringRateMonitor", "Modulation"]
