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
from snn_mm.modules.optimizers import Interval, OptimizerFactory, SchedulerFactory, paper_sgd


class IEMFModule(MultimodalModule):
    """Fused cross-entropy with joint unimodal losses, as IEMF trains (Eq. 6).

    Without the `IEMF` callback this is the paper's "joint learning only"; with `joint_weight: 0` as
    well it is the vanilla method.

    Args:
        encoders: one backbone per modality, by name.
        fusion: makes the fusion from the feature widths and the number of classes.
        num_classes: K.
        joint_weight: weight of each unimodal cross-entropy, from the first epoch on.
        label_smoothing: 0 in the paper, 0.1 in its released code.
        optimizer: makes the optimizer from parameters or parameter groups.
        lr_scheduler: makes the learning-rate schedule; none if left out.
        lr_scheduler_interval: whether the schedule advances each `epoch` or each optimizer `step`.
        lr_scheduler_monitor: the metric that ReduceLROnPlateau watches.
        parameter_groups: optimizer options by modality name or `fusion`.
        modalities: which of the encoders to use, in this order; all if left out.
    """

    def __init__(
        self,
        encoders: dict[str, Encoder],
        fusion: FusionFactory,
        num_classes: int,
        joint_weight: float = 1.0,
        label_smoothing: float = 0.0,
        optimizer: OptimizerFactory = paper_sgd,
        lr_scheduler: SchedulerFactory | None = None,
        lr_scheduler_interval: Interval = "epoch",
        lr_scheduler_monitor: str = "val/loss",
        parameter_groups: dict[str, dict[str, Any]] | None = None,
        modalities: list[str] | None = None,
    ) -> None:
        super().__init__(
            encoders,
            fusion,
            num_classes,
            optimizer,
            lr_scheduler,
            lr_scheduler_interval,
            lr_scheduler_monitor,
            parameter_groups,
            modalities,
        )
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
            logits[FUSED], unimodal, target, self.joint_weight, self.label_smoothing
        )

    def skips_parameters(self) -> bool:
        """Whether heads may be out of the loss: without joint learning they are."""
        return (not self.joint_weight and bool(self.fusion.heads)) or super().skips_parameters()
