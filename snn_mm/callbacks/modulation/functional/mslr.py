"""MSLR: learning rates of their own for modalities."""

from __future__ import annotations

from collections.abc import Sequence


def smooth_scale(scale: float, epoch: int, ramp_epochs: int) -> float:
    """Learning rate of a modality on the way from the common rate to its own ("smooth").

    f = 1 + (scale - 1) · min(1, epoch / ramp_epochs), linear in between.

    Source: Yao and Mihalcea, "Modality-specific Learning Rates for Effective Multimodal Additive
    Late-fusion", Findings of ACL 2022. The straight line is this library's choice.

    Args:
        scale: the modality's own rate over the common rate.
        epoch: counted from the first epoch of the schedule.
        ramp_epochs: epochs from the common rate to the own one, at least 1.

    Returns:
        Factor of the common learning rate, without unit.

    Example:
        >>> smooth_scale(0.5, epoch=2, ramp_epochs=4)  # half of the way from 1 to 0.5
        0.75
    """
    return 1.0 + (scale - 1.0) * min(1.0, epoch / ramp_epochs)


def accuracy_ratio(accuracies: Sequence[float], window: int = 5) -> float:
    """Last accuracy over the mean of the `window` ones before it ("dynamic").

    r = a_e / mean(a_{e-w}, ..., a_{e-1}); 1 until w + 1 accuracies are there, and where their mean
    is 0. A modality that still improves gets a higher learning rate. It does not multiply up: each
    epoch starts from the modality's own rate, as in the released codes of AGM and IEMF.

    Source: as `smooth_scale`; `run/CREMAD_main.py` of AGM's repository.

    Args:
        accuracies: unimodal accuracy of each epoch so far, oldest first.
        window: w, at least 1.

    Returns:
        r >= 0, without unit.

    Example:
        >>> accuracy_ratio([0.25, 0.25, 0.5], window=2)
        2.0
    """
    if len(accuracies) <= window:
        return 1.0
    mean = sum(accuracies[-window - 1 : -1]) / window
    return accuracies[-1] / mean if mean > 0 else 1.0
