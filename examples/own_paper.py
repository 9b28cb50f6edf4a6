"""A paper of one's own: a LightningModule with another loss. Run it with own_paper.yaml."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from snn_mm.contracts import FusionOutput, LossTerms
from snn_mm.modules import MultimodalModule


def tet_loss(logits: Tensor, target: Tensor, lamb: float) -> Tensor:
    """(1 - λ) mean over t of CE(O(t), y) + λ MSE(O, 1), of logits `[T, N, K]` and classes `[N]`.

    Deng et al., "Temporal efficient training of spiking neural network via gradient re-weighting".
    """
    steps = logits.flatten(0, 1)  # [T N, K]
    each = cross_entropy(steps, target.repeat(len(logits)))
    return (1 - lamb) * each + lamb * mse_loss(steps, logits.new_ones(steps.shape))


class TETModule(MultimodalModule):
    """Every time step is taught, in each modality and in the fusion, not their mean alone.

    Args:
        lamb: λ, how strongly logits are drawn to the threshold.
    """

    def __init__(self, *args: Any, lamb: float = 0.05, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lamb = lamb

    def loss_terms(
        self, output: FusionOutput, logits: dict[str, Tensor], target: Tensor
    ) -> LossTerms:
        """Of each modality and the fusion; `logits` are their means over time, `[N, K]`."""
        return {k: tet_loss(o, target, self.lamb) for k, o in output.by_name().items()}
