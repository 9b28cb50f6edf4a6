"""A network at another number of time steps than it was trained with."""

from __future__ import annotations

from typing import Any

from snn_mm.contracts import Batch
from snn_mm.encoders import MLP
from snn_mm.encoders.base import ImageEncoder
from snn_mm.neurons import is_spiking, spiking_layers

LONGER = 2
"""Static inputs are asked up to so many times the trained T; events end with their bins."""


def event_modalities(module: Any) -> list[str]:
    """Modalities whose input brings its own time."""
    parts = module.encoders.items()
    return [name for name, part in parts if getattr(part, "input_kind", "") == "events"]


def trained_steps(module: Any, batch: Batch) -> int:
    """T that a network was trained with: the bins of its events, else what its encoders say."""
    if not is_spiking(module):
        return 1
    inputs = batch["inputs"]
    bins = [inputs[name].shape[1] for name in event_modalities(module) if name in inputs]
    own = [int(part.time_steps) for part in module.encoders.values()]
    return int(min(bins)) if bins else max(own)


def steps_asked(module: Any, trained: int) -> list[int]:
    """T that a network is asked with; that of training alone if it is a part of its shape.

    So it is for encoders of sequences, whose steps are windows, for TAAF's alignment, and for
    neurons of a fixed T.
    """
    free = all(isinstance(part, ImageEncoder | MLP) for part in module.encoders.values())
    fixed = any(isinstance(getattr(part, "T", None), int) for _, part in spiking_layers(module))
    if not is_spiking(module) or not free or fixed:
        return [trained]
    longest = trained if event_modalities(module) else LONGER * trained
    return list(range(1, longest + 1))


def set_steps(module: Any, steps: int) -> None:
    """Give every encoder of static inputs so many time steps."""
    for part in module.encoders.values():
        if getattr(part, "input_kind", "static") != "events" and is_spiking(part):
            part.time_steps = steps


def begun(batch: Batch, modalities: list[str], steps: int) -> Batch:
    """A batch whose events `[N, T, C, H, W]` end after so many bins.

    Args:
        batch: with inputs by modality.
        modalities: those of events.
        steps: bins that are kept.
    """
    short = {n: batch["inputs"][n][:, :steps] for n in modalities if n in batch["inputs"]}
    cut: Batch = {**batch, "inputs": {**batch["inputs"], **short}}
    return cut
