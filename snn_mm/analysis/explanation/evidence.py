"""How a decision builds up over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from snn_mm.analysis.explanation.asked import Asked
from snn_mm.contracts import FusionOutput

PREFIXES = 12
"""Beginnings of a clip that are read."""


def evidence_over_steps(
    output: FusionOutput, classes: Mapping[str, int]
) -> dict[str, dict[str, list[float]]]:
    """Probability of classes that the logits of each step alone give, `[T]`, by head and class.

    Args:
        output: of one sample.
        classes: their indices by name.
    """
    absent = {m for m, there in (output.present or {}).items() if not bool(there.any())}
    said = {
        head: logits[:, 0].float().softmax(dim=-1)  # [T, K]
        for head, logits in output.by_name().items()
        if head not in absent
    }
    return {
        name: {head: chances[:, index].tolist() for head, chances in said.items()}
        for name, index in classes.items()
    }


@torch.no_grad()
def scores_of_prefixes(
    asked: Asked, of_class: int | None
) -> tuple[list[float], dict[str, list[float]]]:
    """What each head says after the beginning of a clip.

    Args:
        asked: about one sample of sequences.
        of_class: whose probability; the score if None.

    Returns:
        Shares of the clip that were read, and what each head says then.
    """
    batch: Any = asked.batch
    shares = [(place + 1) / PREFIXES for place in range(PREFIXES)]
    said: dict[str, list[float]] = {}
    for share in shares:
        lengths = {n: (x * share).ceil().to(x.dtype) for n, x in batch.get("lengths", {}).items()}
        inputs = {
            n: x[:, : max(1, math.ceil(share * x.shape[1]))] if n in lengths else x
            for n, x in batch["inputs"].items()
        }
        begun: Any = {**batch, "inputs": inputs, "lengths": lengths}
        heads: Any = Asked(asked.module, begun).answer.output
        for head, value in heads.items():
            said.setdefault(head, []).append(_one(value, of_class))
    return shares, said


def _one(said: Tensor, of_class: int | None) -> float:
    """The score of the only sample, or its probability of a class."""
    return float(said[0] if of_class is None else said[0].softmax(dim=-1)[of_class])
