"""Accuracy of answers by kind of question, by group and over all."""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor

from snn_mm.metrics.by_group import GroupCounts

QUESTION_KINDS = (
    ("Audio", "Counting"),
    ("Audio", "Comparative"),
    ("Visual", "Counting"),
    ("Visual", "Location"),
    ("Audio-Visual", "Existential"),
    ("Audio-Visual", "Location"),
    ("Audio-Visual", "Counting"),
    ("Audio-Visual", "Comparative"),
    ("Audio-Visual", "Temporal"),
)
"""Group and kind of the questions of MUSIC-AVQA; `kind` of a batch is an index into it."""

OVERALL = "accuracy"
"""Name of the accuracy over all questions."""


def accuracy_name(group: str, kind: str = "") -> str:
    """Name of the accuracy of a group, or of a kind within it.

    Example:
        >>> accuracy_name("Audio-Visual", "Counting")
        'accuracy_audio_visual_counting'
    """
    parts = [OVERALL, *group.lower().split("-"), *([kind.lower()] if kind else [])]
    return "_".join(parts)


def kind_masks() -> dict[str, Tensor]:
    """Which kinds make up each accuracy, `[9]` in bool by name: kinds, then groups, then all."""
    count = len(QUESTION_KINDS)
    masks = {
        accuracy_name(*pair): torch.arange(count) == index
        for index, pair in enumerate(QUESTION_KINDS)
    }
    for group, _ in groupby(QUESTION_KINDS, key=lambda pair: pair[0]):
        masks[accuracy_name(group)] = torch.tensor([pair[0] == group for pair in QUESTION_KINDS])
    masks[OVERALL] = torch.ones(count, dtype=torch.bool)
    return masks


ACCURACIES = tuple(kind_masks())
"""Names of all accuracies, in the order of tables: nine kinds, three groups, all."""


def accuracies_by_kind(right: Tensor, asked: Tensor) -> dict[str, Tensor]:
    """Micro averages: right answers divided by questions, whatever their kinds (IEMF, Table S5).

    Source: the evaluation of GeWu-Lab/MUSIC-AVQA; a group with more questions of one kind is not
    the mean of its kinds.

    Args:
        right: right answers by kind, `[9]`.
        asked: questions by kind, `[9]`.

    Returns:
        Shares in [0, 1] by name, scalars in float64; NaN where nothing was asked.

    Example:
        >>> right, asked = torch.arange(9), torch.full((9,), 8)
        >>> accuracies_by_kind(right, asked)["accuracy"]  # 36 / 72
        tensor(0.5000, dtype=torch.float64)
    """
    return {
        name: right[mask].sum().double() / asked[mask].sum().double()
        for name, mask in kind_masks().items()
    }


class AnswerAccuracy(GroupCounts):
    """Accuracy by kind of question, by group and over all, over batches and ranks."""

    def __init__(self) -> None:
        super().__init__(len(QUESTION_KINDS))

    def update(self, logits: Tensor, target: Tensor, kind: Tensor) -> None:
        """Count one batch.

        Args:
            logits: `[N, K]`.
            target: answers `[N]`.
            kind: indices into `QUESTION_KINDS`, `[N]`.

        Raises:
            ValueError: they are not of these shapes.
        """
        if logits.dim() != 2 or not len(logits) == len(target) == len(kind):
            raise ValueError(
                f"logits {tuple(logits.shape)}, targets {tuple(target.shape)}, kinds "
                f"{tuple(kind.shape)}; accepted are [N, K], [N] and [N]"
            )
        self.count(logits.argmax(dim=-1) == target, kind)

    def compute(self) -> dict[str, Tensor]:
        """Shares by name; NaN for kinds that were not asked."""
        return accuracies_by_kind(self.right.cpu(), self.total.cpu())
