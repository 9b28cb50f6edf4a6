"""How predicted classes are rated, head by head."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.classification import MulticlassF1Score

from snn_mm.metrics.modality_accuracy import ModalityAccuracy


class MacroF1(MulticlassF1Score):
    """Mean over the classes of their F1; NaN where no sample was rated.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes, average="macro")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Rate logits `[N, K]` of classes `[N]`; torchmetrics takes no batch of none."""
        if len(target):
            super().update(preds, target)

    def compute(self) -> Tensor:
        """The mean, of all batches and ranks."""
        right, _, _, missed = self._final_state()  # [K] each
        value: Tensor = super().compute()
        return value.masked_fill((right + missed).sum() == 0, torch.nan)


class ClassScores(nn.Module):
    """Accuracy and macro-F1 of one head, over batches and ranks.

    Args:
        num_classes: K.
    """

    names = ("accuracy", "f1_macro")

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        made: tuple[Any, ...] = (ModalityAccuracy(num_classes), MacroF1(num_classes))
        self.parts = nn.ModuleDict(dict(zip(self.names, made, strict=True)))

    def update(self, logits: Tensor, target: Tensor) -> None:
        """Count one batch.

        Args:
            logits: `[N, K]`.
            target: classes `[N]`.
        """
        for part in self.parts.values():
            cast("Metric", part).update(logits, target)
