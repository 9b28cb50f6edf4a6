"""How predicted classes are rated, head by head."""

from __future__ import annotations

from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score


class ClassScores(nn.Module):
    """Accuracy, and the mean over classes of their F1, over batches and ranks.

    Args:
        num_classes: K.
    """

    names = ("accuracy", "f1_macro")

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        made = (
            MulticlassAccuracy(num_classes, average="micro"),
            MulticlassF1Score(num_classes, average="macro"),
        )
        self.parts = nn.ModuleDict(dict(zip(self.names, made, strict=True)))

    def update(self, logits: Tensor, target: Tensor) -> None:
        """Count one batch.

        Args:
            logits: `[N, K]`.
            target: classes `[N]`.
        """
        for part in self.parts.values():
            part.update(logits, target)  # type: ignore[operator]  # each is a metric
