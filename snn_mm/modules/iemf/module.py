"""IEMF: audio-visual classification with joint unimodal learning.

He et al., "Incorporating brain-inspired mechanisms for multimodal learning in artificial
intelligence". The module holds encoders, fusion and loss; the inverse-effectiveness update itself
is the callback `snn_mm.callbacks.IEMF`, so that it works on any module and composes with others.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from snn_mm.contracts import FUSED, FusionOutput, LossTerms
from snn_mm.encoders.base import Encoder
from snn_mm.errors import check_range
from snn_mm.fusion import FusionFactory
from snn_mm.losses import joint_cross_entropy
from snn_mm.modules.base import MultimodalModule


class IEMFModule(MultimodalModule):
    """Fused cross-entropy with joint unimodal losses, as IEMF trains (Eq. 6).

    Without the `IEMF` callback this is the paper's "joint learning only"; with `joint_weight: 0` as
    well it is the vanilla method.

    Args:
        joint_weight: weight of each unimodal cross-entropy, from the first epoch on.
        label_smoothing: 0 in the paper, 0.1 in its released code.
        options: those of `MultimodalModule`.
    """

    weighs_classes = True

    def __init__(
        self,
        encoders: dict[str, Encoder],
        fusion: FusionFactory,
        num_classes: int,
        joint_weight: float = 1.0,
        label_smoothing: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(encoders, fusion, num_classes, **options)
        check_range("model.joint_weight", joint_weight, 0)
        check_range("model.label_smoothing", label_smoothing, 0, 1)
        self.joint_weight = joint_weight
        self.label_smoothing = label_smoothing

    def loss_terms(
        self, output: FusionOutput, logits: dict[str, Tensor], target: Tensor
    ) -> LossTerms:
        """Joint cross-entropy of the time-averaged logits."""
        unimodal = {name: logits[name] for name in self.modalities}
        return joint_cross_entropy(
            logits[FUSED],
            unimodal,
            target,
            self.joint_weight,
            self.label_smoothing,
            output.present,
            self.class_weights.of_classes,
        )

    def skips_parameters(self) -> bool:
        """Whether heads may be out of the loss: without joint learning they are."""
        return (not self.joint_weight and bool(self.fusion.heads)) or super().skips_parameters()
