"""Audio-visual question answering with joint unimodal learning: Baseline, ST-AVQA, spiking twins.

He et al., "Incorporating brain-inspired mechanisms for multimodal learning in artificial
intelligence"; the networks are those of Li et al., CVPR 2022. The inverse-effectiveness update is
the callback `snn_mm.callbacks.IEMF`, as in classification.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce
from operator import add
from typing import Any, cast

import torch
from torch import Tensor

from snn_mm.contracts import FUSED, Batch, FusionOutput, LossTerms, StepOutput
from snn_mm.encoders.base import Encoder
from snn_mm.encoders.inputs import check_inputs, mark_broken
from snn_mm.errors import UserError, check_range
from snn_mm.fusion import FusionFactory
from snn_mm.losses import joint_cross_entropy
from snn_mm.metrics.avqa import ACCURACIES, OVERALL, AnswerAccuracy
from snn_mm.modules.avqa.encoders import GroundedFrames
from snn_mm.modules.avqa.fusion import QUESTION, QuestionFusion
from snn_mm.modules.avqa.grounding import match_loss
from snn_mm.modules.avqa.inputs import (
    AUDIO,
    NEGATIVE,
    VISUAL,
    check_encoders,
    check_task,
    question_kinds,
)
from snn_mm.modules.avqa.question import QuestionEncoder
from snn_mm.modules.base import MultimodalModule
from snn_mm.modules.optimizers import (
    Interval,
    OptimizerFactory,
    SchedulerFactory,
    check_groups,
    group_parameters,
    paper_sgd,
)
from snn_mm.modules.task import STAGES, Stage


class AVQAModule(MultimodalModule):
    """Questions about videos: L = CE(o_f) + w_u Σ_m CE(o_m) + w_match L_match.

    With `GroundedFrames` and `temporal_mean` of the fusion it is ST-AVQA, with `PooledFrames` and
    without it Baseline. A spiking preset as `neuron` of encoders and fusion gives the spiking twin,
    whose time steps are the seconds of the video. Without the `IEMF` callback it is the paper's
    "joint learning only"; with `joint_weight: 0` as well it is vanilla.

    Accuracies of the fused answer are logged by kind of question, by group and over all, such as
    `test/accuracy_visual_location/fused`, `test/accuracy_visual/fused` and `test/accuracy/fused`.

    Args:
        encoders: `audio`, `visual` or both, by name; the order is the order of fusion.
        fusion: a `QuestionFusion`.
        num_classes: K, the number of answers.
        vocabulary: number of words, the padding included.
        joint_weight: w_u, weight of each unimodal cross-entropy, from the first epoch on.
        match_weight: w_match, weight of the match loss of `GroundedFrames`; others have none.
        label_smoothing: share of the target spread over all answers.
        optimizer: makes the optimizer from parameters or parameter groups.
        lr_scheduler: makes the learning-rate schedule; none if left out.
        lr_scheduler_interval: whether the schedule advances each `epoch` or each optimizer `step`.
        lr_scheduler_monitor: the metric that ReduceLROnPlateau watches.
        parameter_groups: optimizer options by modality name, `fusion` or `question`.
        modalities: which of the encoders to use, in this order; all if left out.
    """

    fusion: QuestionFusion

    def __init__(
        self,
        encoders: dict[str, Encoder],
        fusion: FusionFactory = QuestionFusion,
        num_classes: int = 42,
        vocabulary: int = 93,
        joint_weight: float = 1.0,
        match_weight: float = 0.5,
        label_smoothing: float = 0.0,
        optimizer: OptimizerFactory = paper_sgd,
        lr_scheduler: SchedulerFactory | None = None,
        lr_scheduler_interval: Interval = "epoch",
        lr_scheduler_monitor: str = "val/loss",
        parameter_groups: dict[str, dict[str, Any]] | None = None,
        modalities: list[str] | None = None,
    ) -> None:
        check_encoders(encoders)
        check_range("model.joint_weight", joint_weight, 0)
        check_range("model.match_weight", match_weight, 0)
        check_range("model.label_smoothing", label_smoothing, 0, 1)
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
        if not isinstance(self.fusion, QuestionFusion):
            raise UserError(
                f"model.fusion: {type(self.fusion).__name__} knows no question; "
                "accepted: QuestionFusion"
            )
        self.joint_weight, self.match_weight = joint_weight, match_weight
        self.label_smoothing = label_smoothing
        self.question = QuestionEncoder(vocabulary, self.fusion.width)
        self.asked: Tensor | None = None
        for stage in STAGES[1:]:
            self.add_module(f"{stage}_answers", AnswerAccuracy())

    def encode(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Features `[L, N, D]` by modality, and the question `[1, N, D]`."""
        check_inputs(inputs, (*self.modalities, QUESTION))
        features: dict[str, Tensor] = {}
        if AUDIO in self.encoders:
            features[AUDIO] = self.encoders[AUDIO](inputs[AUDIO])
        if VISUAL in self.encoders:
            features[VISUAL] = self.encoders[VISUAL](inputs[VISUAL], features.get(AUDIO))
        features[QUESTION] = self.question(inputs[QUESTION]).unsqueeze(0)  # [1, N, D]
        return mark_broken(features, inputs)

    def loss_terms(
        self, output: FusionOutput, logits: dict[str, Tensor], target: Tensor
    ) -> LossTerms:
        """Joint cross-entropy of the time-averaged logits, without the match loss."""
        unimodal = {name: logits[name] for name in self.modalities}
        return joint_cross_entropy(
            logits[FUSED], unimodal, target, self.joint_weight, self.label_smoothing
        )

    def skips_parameters(self) -> bool:
        """Whether heads or the match head may be out of the loss."""
        silent = not self.joint_weight and bool(self.fusion.heads)
        return silent or not self.match_weight or super().skips_parameters()

    def match_terms(
        self, inputs: dict[str, Tensor], features: dict[str, Tensor], stage: Stage
    ) -> LossTerms:
        """The weighted match loss, where there is a match head and frames of other videos.

        Raises:
            UserError: training batches have no such frames.
        """
        frames = dict(self.encoders.items()).get(VISUAL)
        if not isinstance(frames, GroundedFrames) or not self.match_weight:
            return {}
        if NEGATIVE not in inputs:
            if stage == "train":
                raise UserError(
                    "model.match_weight needs frames of other videos, which the data do not give\n"
                    "accepted: data.negatives: true, or model.match_weight: 0"
                )
            return {}
        sound = features[AUDIO]
        positive = frames.match_logits(sound, features[VISUAL])
        negative = frames.match_logits(sound, frames(inputs[NEGATIVE], sound))
        return {"match": self.match_weight * match_loss(positive, negative)}

    def shared_step(self, batch: Batch, stage: Stage) -> Tensor:
        """Loss of one batch; updates and logs metrics, leaves `step` for callbacks."""
        target, inputs = batch["target"], batch["inputs"]
        features = self.encode(inputs)
        output: FusionOutput = self.fusion(features)
        logits = self.readout(output)
        terms = self.loss_terms(output, logits, target)
        terms |= self.match_terms(inputs, features, stage)
        step = StepOutput(output, logits, target)
        if stage == "train":
            self.log_terms(terms, len(target))
            for modulation in self.loss_modulations:
                terms = modulation.modulate_loss(terms, step)
        self.step, self.asked = step.detached(), features[QUESTION].detach()
        loss = reduce(add, terms.values())
        self._log_step(loss, logits, target, stage)
        if stage != "train":
            self.answers(stage).update(logits[FUSED].detach(), target, question_kinds(batch))
        return loss * self.share_of_union(len(target)) if stage == "train" else loss

    def shared_logits(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """What fusion and question say of each modality's features alone, `[N, K]`."""
        return {name: self.coalition_logits(features, [name]) for name in features}

    @torch.no_grad()
    def coalition_logits(self, features: dict[str, Tensor], coalition: Collection[str]) -> Tensor:
        """What fusion and question say of some features `[T, N, D]` of the last step, `[N, K]`."""
        if self.asked is None:
            raise ValueError("no step has asked a question yet")
        return super().coalition_logits({**features, QUESTION: self.asked}, {*coalition, QUESTION})

    def answers(self, stage: Stage) -> AnswerAccuracy:
        """What counts the answers of a stage, `val` or `test`."""
        return cast("AnswerAccuracy", getattr(self, f"{stage}_answers"))

    def metric_names(self) -> list[str]:
        """Every name that validation logs: what a checkpoint or schedule may monitor."""
        kinds = [f"val/{name}/{FUSED}" for name in ACCURACIES if name != OVERALL]
        return [*super().metric_names(), *kinds]

    def on_validation_epoch_end(self) -> None:
        """Log the accuracies by kind of the validation."""
        self._log_answers("val")

    def on_test_epoch_end(self) -> None:
        """Log the accuracies by kind of the test."""
        self._log_answers("test")

    def setup(self, stage: str) -> None:
        """Check the module against the data before the first batch."""
        data = getattr(self.trainer, "datamodule", None)
        check_task(data, grounding=False)
        super().setup(stage)
        words = getattr(data, "num_words", self.question.vocabulary)
        if words != self.question.vocabulary:
            raise UserError(
                f"model.vocabulary is {self.question.vocabulary}, "
                f"but {type(data).__name__} has {words} words"
            )

    def check_parameter_groups(self) -> None:
        """Refuse optimizer options of a role that the module does not have."""
        check_groups(self.parameter_groups, (*self.modalities, "fusion", QUESTION))

    def _optimizer_input(self) -> list[Any]:
        groups = super()._optimizer_input()
        if not self.parameter_groups:
            return groups
        asking = {QUESTION: self.question.parameters()}
        return [*groups, *group_parameters(asking, self.parameter_groups)]

    def _log_answers(self, stage: Stage) -> None:
        """Log what was asked: a small split may lack a kind, and the base logs the overall one."""
        metric = self.answers(stage)
        for name, value in metric.compute().items():
            if name != OVERALL and not value.isnan():
                # The metric has added up the ranks; Lightning asks all the same.
                self.log(f"{stage}/{name}/{FUSED}", value.float(), sync_dist=True)
        metric.reset()
