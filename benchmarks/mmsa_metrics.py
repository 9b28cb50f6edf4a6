"""Rate sentiment scores with `snn_mm.metrics` and with MMSA's own `MetricsTop`.

    python benchmarks/mmsa_metrics.py [--repeats 20]

MMSA is no dependency. Its own pins are old; what it needs is installed beside it:

    pip install --no-deps mmsa==2.2.1
    pip install easydict nvidia-ml-py pandas scikit-learn tqdm transformers

MMSA rounds to four digits, so values may be half of the fourth digit apart. Lines with a star are
known differences: without a target other than zero MMSA ends with an IndexError where ours has
NaN, and a prediction that is NaN is counted as a wrong class on MOSEI where ours refuses it.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.metrics.sentiment_scores import Protocol, rate

Peer = Callable[[Tensor, Tensor], dict[str, Any]]
NAMES = {
    "Mult_acc_2": "accuracy_2",
    "Mult_acc_3": "accuracy_3",
    "Mult_acc_5": "accuracy_5",
    "Mult_acc_7": "accuracy_7",
    "F1_score": "f1",
    "Has0_acc_2": "accuracy_2_has0",
    "Has0_F1_score": "f1_has0",
    "Non0_acc_2": "accuracy_2_non0",
    "Non0_F1_score": "f1_non0",
    "MAE": "mae",
    "Corr": "corr",
}
ROUNDING = 5.1e-5
LARGEST: dict[Protocol, int] = {"sims": 1, "mosei": 3}
SIZES = (2, 10, 686, 4659)


def random_cases(protocol: Protocol, repeats: int) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """Predictions and targets `[N]` by kind; those on a grid hit every edge."""
    generator = torch.Generator().manual_seed(0)
    top = LARGEST[protocol]

    def noisy(size: int) -> tuple[Tensor, Tensor]:
        target = torch.randint(-5 * top, 5 * top + 1, (size,), generator=generator) / 5
        return target + 0.4 * top * torch.randn(size, generator=generator), target

    def grid(size: int, steps: int) -> tuple[Tensor, Tensor]:
        limit = int(1.5 * top * steps)
        score, target = torch.randint(-limit, limit + 1, (2, size), generator=generator) / steps
        return score, target

    sizes = SIZES * repeats
    return {
        "targets and noise": [noisy(size) for size in sizes],
        "on a grid of 0.1": [grid(size, 10) for size in sizes],
        "on a grid of 0.5": [grid(size, 2) for size in sizes],
        "unrelated": [tuple(torch.randn(2, size, generator=generator)) for size in sizes],  # type: ignore[misc]
    }


def edge_cases() -> dict[str, list[tuple[Tensor, Tensor]]]:
    """Predictions and targets `[N]` that have no value for some score, or nearly none."""
    varied = torch.linspace(-1, 1, 1001)
    return {
        "constant 0.5": [(torch.full((1001,), 0.5), varied)],
        "constant 0.1": [(torch.full((1001,), 0.1), varied)],
        "one sample": [(torch.tensor([0.3]), torch.tensor([-0.2]))],
        "one target": [(varied, torch.full((1001,), -0.6))],
        "all targets zero": [(varied, torch.zeros(1001))],
        "a NaN": [(torch.tensor([math.nan, 1.0]), torch.tensor([0.5, 1.0]))],
    }


def outcome(rater: Peer, score: Tensor, target: Tensor) -> dict[str, float] | str:
    """Values by our names, or the name of the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = rater(score.clone(), target.clone())
    except (UserError, ValueError, IndexError) as error:
        return type(error).__name__
    return {NAMES.get(name, name): float(value) for name, value in values.items()}


def distance(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float]:
    """Difference by name; infinite where one alone is NaN or missing."""
    gaps = {}
    for name in ours.keys() | theirs.keys():
        a, b = ours.get(name, math.inf), theirs.get(name, math.inf)
        both = math.isnan(a) and math.isnan(b)
        gap = 0.0 if both else abs(a - b)
        gaps[name] = math.inf if math.isnan(gap) else gap
    return gaps


def compare(protocol: Protocol, peer: Peer, pairs: list[tuple[Tensor, Tensor]]) -> tuple[str, bool]:
    """What is to be printed of one kind of case, and whether every value agrees."""
    worst: dict[str, float] = {}
    for score, target in pairs:
        ours = outcome(lambda s, t: rate(s, t, protocol), score, target)
        theirs = outcome(peer, score, target)
        if isinstance(ours, str) or isinstance(theirs, str):
            shown = (x if isinstance(x, str) else "values" for x in (ours, theirs))
            return "ours: {}, MMSA: {}".format(*shown), False
        for name, gap in distance(ours, theirs).items():
            worst[name] = max(gap, worst.get(name, 0.0))
    name = max(worst, key=worst.__getitem__)
    return f"{worst[name]:.1e} ({name})", worst[name] <= ROUNDING


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    try:
        from MMSA.utils import MetricsTop
    except ImportError as error:
        print(f"MMSA can't be imported ({error}); install it so:\n{__doc__}", file=sys.stderr)
        return 2
    rated, agree = MetricsTop("regression"), True
    print(f"{'protocol':<10}{'case':<20}{'pairs':>6}  largest difference")
    for protocol in LARGEST:
        usual = random_cases(protocol, repeats)
        for case, pairs in {**usual, **edge_cases()}.items():
            text, equal = compare(protocol, rated.getMetics(protocol), pairs)
            agree &= equal or case not in usual
            print(f"{protocol:<10}{case:<20}{len(pairs):>6}  {text}{'' if equal else '  *'}")
    print("all values agree to MMSA's four digits" if agree else "the values differ")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
