"""Logistic regression on pooled features, each modality alone and all together."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snn_mm.analysis.linear_probe.pooling import PooledPart, joined, pooled_batch
from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import check_range

Array = NDArray[Any]

STRENGTHS = (0.01, 0.1, 1.0)
"""C of scikit-learn, the inverse of the strength of the L2 penalty."""
CHUNK = 64
BUDGET = 40_000_000
"""Samples times width times classes of a model; more samples than that are left out."""
READING = 0.2
"""Share of the time for reading each of three parts."""
ITERATIONS = 100


@dataclass(frozen=True)
class LinearProbe:
    """What a linear model on pooled features reaches, measured when a training has been tested.

    Logistic regression on standardised features of the training part: a vector as it is, a sequence
    as mean and deviation of four windows, pictures and spectrograms averaged over a grid, frames
    and events over time too. Each modality alone, and all side by side. C is that of 0.01, 0.1 and
    1 which is best on the validation part; the test part is rated once. Data whose inputs are no
    such numbers (words), scores, and sequences of tasks have none.

    Args:
        enabled: whether to measure it.
        seconds: about how long it may take; then fewer samples are read and fewer C tried.
        samples: at most so many of each part, drawn with a seed of their own.
    """

    enabled: bool = True
    seconds: float = 20.0
    samples: int = 5000

    def __post_init__(self) -> None:
        check_range("linear_probe.seconds", self.seconds, 0)
        check_range("linear_probe.samples", self.samples, 1)

    def measure(self, data: Any, modalities: tuple[str, ...]) -> dict[str, Any] | None:
        """Accuracies on the test part by modality and together, and how they were found.

        Args:
            data: a data module that has been set up.
            modalities: those of the model.

        Returns:
            What `results.json` says, None where there is nothing to measure.
        """
        begin, parts = time.monotonic(), {}
        for name in ("train", "val", "test"):
            until = time.monotonic() + READING * self.seconds
            part = read_part(data, name, modalities, self.samples, until)
            if part is None or len(np.unique(part.target)) < 2:
                return None
            parts[name] = part
        found = {
            name: best_model(parts, members, begin + self.seconds)
            for name, members in coalitions(modalities).items()
        }
        return {
            "accuracy": {name: accuracy for name, (accuracy, _) in found.items()},
            "C": {name: strength for name, (_, strength) in found.items()},
            "width": {name: parts["train"].values[name].shape[1] for name in modalities},
            "samples": {name: len(part.target) for name, part in parts.items()},
            "of_samples": {name: len(data.split(name)) for name in parts},
        }


def coalitions(modalities: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Each modality alone, and all of them as `FUSED`."""
    return {**{name: (name,) for name in modalities}, FUSED: modalities}


def read_part(
    data: Any, name: str, modalities: tuple[str, ...], limit: int, until: float
) -> PooledPart | None:
    """Pooled samples of a split; None if they are none that a linear model can see.

    Args:
        data: a data module.
        name: `train`, `val` or `test`.
        modalities: which to read.
        limit: at most so many samples.
        until: no further batch is read after this time.
    """
    parts: list[PooledPart] = []
    for batch in _batches(data, name, limit):
        if not is_pooled(batch):
            return None
        parts.append(pooled_batch(batch, modalities))
        if time.monotonic() > until:
            break
    return joined(_of_one_width(parts)) if parts else None


def _batches(data: Any, name: str, limit: int) -> Iterator[Batch]:
    """Batches of a split in a random order, the same each time."""
    split = data.split(name)
    rows = np.random.default_rng(0).permutation(len(split))[:limit].tolist()
    for first in range(0, len(rows), CHUNK):
        own = rows[first : first + CHUNK]
        read = getattr(split, "__getitems__", None)
        yield data.collate(read(own) if read else [split[row] for row in own])


def is_pooled(batch: Batch) -> bool:
    """Whether targets are classes and inputs numbers, not such as the words of a question."""
    numbers = all(x.is_floating_point() for x in batch["inputs"].values())
    target = batch["target"]
    return numbers and isinstance(target, Tensor) and not target.is_floating_point()


def _of_one_width(parts: list[PooledPart]) -> list[PooledPart]:
    """Zeros where a modality is absent throughout a batch, whose width then is not known there."""
    for name in parts[0].values:
        width = max(part.values[name].shape[1] for part in parts)
        for part in parts:
            if part.values[name].shape[1] != width:
                part.values[name] = np.zeros((len(part.target), width), np.float32)
    return parts


def best_model(
    parts: dict[str, PooledPart], members: tuple[str, ...], until: float
) -> tuple[float, float]:
    """Accuracy on the test part, and C, of the model that is best on the validation part.

    Args:
        parts: by the name of the split.
        members: modalities that it sees.
        until: no further C is tried after this time.
    """
    from sklearn.exceptions import ConvergenceWarning  # here, because it takes a second
    from sklearn.linear_model import LogisticRegression

    train, val, test = (seen(parts[name], members) for name in ("train", "val", "test"))
    classes = len(np.unique(train[1]))
    most = max(classes * 10, BUDGET // max(1, train[0].shape[1] * classes))
    (x, y), scale = (part[:most] for part in train), scaling(train[0][:most])
    # One model that goes on from where the weaker C has ended.
    model = LogisticRegression(tol=1e-3, max_iter=ITERATIONS, warm_start=True)
    best = (-1.0, 0.0, 0.0)
    for strength in STRENGTHS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(C=strength).fit(scale(x), y)
        rated = [float(model.score(scale(values), classes)) for values, classes in (val, test)]
        if rated[0] > best[0]:
            best = (*rated, strength)  # type: ignore[assignment]
        if time.monotonic() > until:
            break
    return best[1], best[2]


def seen(part: PooledPart, members: tuple[str, ...]) -> tuple[Array, Array]:
    """Features `[n, D]` side by side, and classes `[n]`, of samples that have any of them."""
    there = np.any([part.present[name] for name in members], axis=0)
    values = np.concatenate([part.values[name] for name in members], axis=1)
    return values[there].astype(np.float64), part.target[there]


def scaling(x: Array) -> Any:
    """What shifts and scales features `[n, D]` as those of the training part need it."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    divisor = np.where(deviation > 1e-9 * (1 + np.abs(mean)), deviation, 1.0)
    return lambda values: (values - mean) / divisor
