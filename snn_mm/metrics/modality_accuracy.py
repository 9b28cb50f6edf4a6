"""Accuracy over the samples that have a modality."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from snn_mm.contracts import Presence
from snn_mm.presence import present_rows, taken


class ModalityAccuracy(MulticlassAccuracy):
    """Share of right predictions; NaN where no sample has the modality.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes, average="micro")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Rate logits `[N, K]`; torchmetrics takes no batch of none."""
        if len(target):
            super().update(preds, target)

    def rate(
        self, modality: str, logits: Tensor, target: Tensor, present: Presence | None = None
    ) -> None:
        """Rate the predictions of a modality where it is there.

        Args:
            modality: its name.
            logits: `[N, K]`.
            target: class indices `[N]`.
            present: which samples have a modality, bool `[N]`; without it all.
        """
        rows = present_rows(present, modality)
        self.update(taken(logits.detach().float(), rows), taken(target, rows))

    def compute(self) -> Tensor:
        """The share, of all batches and ranks."""
        right, _, _, wrong = self._final_state()
        value: Tensor = super().compute()
        return value.masked_fill(right + wrong == 0, torch.nan)
