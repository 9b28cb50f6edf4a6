"""What a linear model on pooled features reaches: the number that a network has to pass."""

from snn_mm.analysis.linear_probe.probe import LinearProbe

__all__ = ["LinearProbe"]
