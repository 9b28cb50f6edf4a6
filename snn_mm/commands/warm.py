"""What `snnmm sweep --warm` does once, by importing this, before it forks its runs.

All that a run may import is imported, and one neuron fires: numba reads a third of itself with the
first compiled loop. Nothing here may start a thread, which a fork would not have, nor read what
belongs to one run.
"""

from __future__ import annotations

from importlib import import_module

from snn_mm.config.catalogue import homes
from snn_mm.run.imports import heavy_imports


def prepare() -> None:
    """Import, and call, what every run needs."""
    with heavy_imports():
        for module in ("snn_mm.commands.stages", *sorted(set(homes().values()))):
            import_module(module)
        import torch

        from snn_mm.neurons import LIF

        with torch.no_grad():  # autograd would start threads
            LIF()(torch.zeros(1, 1))


prepare()
