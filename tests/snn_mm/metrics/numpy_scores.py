"""The scores once more, in NumPy and plain loops, with no line of the library."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def interval_ids(values: Floats, edges: list[float]) -> list[int]:
    """Which interval (low, high] each value lies in."""
    bounds = list(pairwise(np.float32(edges)))
    return [
        next(i for i, (low, high) in enumerate(bounds) if (v > low) & (v <= high)) for v in values
    ]


def share_equal(first: list[int], second: list[int]) -> float:
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(first)


def f1_weighted(predicted: list[int], true: list[int]) -> float:
    """Each class's F1 times its number of true samples, over all samples."""
    pairs = list(zip(predicted, true, strict=True))
    total = 0.0
    for label in set(true):
        hits = sum(p == t == label for p, t in pairs)
        misses = sum((p == label) != (t == label) for p, t in pairs)
        total += true.count(label) * 2 * hits / (2 * hits + misses)
    return total / len(true)


def distances(score: Floats, target: Floats) -> dict[str, float]:
    x, y = score.astype(np.float64), target.astype(np.float64)
    a, b = x - x.mean(), y - y.mean()
    corr = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
    return {"mae": float(np.abs(x - y).mean()), "corr": float(corr)}


def numpy_sims(score: Floats, target: Floats) -> dict[str, float]:
    score, target = score.clip(-1, 1), target.clip(-1, 1)
    edges = {
        2: [-1.01, 0.0, 1.01],
        3: [-1.01, -0.1, 0.1, 1.01],
        5: [-1.01, -0.7, -0.1, 0.1, 0.7, 1.01],
    }
    ids = {k: (interval_ids(score, e), interval_ids(target, e)) for k, e in edges.items()}
    shares = {f"accuracy_{k}": share_equal(*pair) for k, pair in ids.items()}
    return {**shares, "f1": f1_weighted(*ids[2]), **distances(score, target)}


def numpy_mosei(score: Floats, target: Floats) -> dict[str, float]:
    def rounded(x: Floats, limit: int) -> list[int]:
        return [round(float(v)) for v in x.clip(-limit, limit)]  # Python rounds halves to even

    has0 = [int(v >= 0) for v in score], [int(v >= 0) for v in target]
    kept = [(p, t) for p, t in zip(score, target, strict=True) if t != 0]
    non0 = [int(p > 0) for p, _ in kept], [int(t > 0) for _, t in kept]
    return {
        "accuracy_2_has0": share_equal(*has0),
        "f1_has0": f1_weighted(*has0),
        "accuracy_2_non0": share_equal(*non0),
        "f1_non0": f1_weighted(*non0),
        "accuracy_5": share_equal(rounded(score, 2), rounded(target, 2)),
        "accuracy_7": share_equal(rounded(score, 3), rounded(target, 3)),
        **distances(score, target),
    }


NUMPY: dict[str, Callable[[Floats, Floats], dict[str, float]]] = {
    "sims": numpy_sims,
    "mosei": numpy_mosei,
}
