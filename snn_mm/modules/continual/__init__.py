"""Class-incremental learning: losses, the dual-attention trunk, and what a task leaves behind."""

from snn_mm.modules.continual.module import ContinualModule

__all__ = ["ContinualModule"]
