"""Audio-visual question answering with joint unimodal learning: Baseline, ST-AVQA, spiking twins.

He et al., "Incorporating brain-inspired mechanisms for multimodal learning in artificial
intelligence"; the networks are those of Li et al., CVPR 2022. The inverse-effectiveness update is
the callback `snn_mm.callbacks.IEMF`, as in classification.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from snn_mm.contracts import FUSED, Batch, LossTerms, Presence, StepOutput
from snn_mm.encoders.base import Encoder
from snn_mm.encoders.inputs import Inputs, check_inputs, inputs_of, own_lengths
from snn_mm.errors import UserError, check_range
from snn_mm.fusion import FusionFactory
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
    encode_videos,
    question_kinds,
    rows_with_all,
)
from snn_mm.modules.avqa.question import QuestionEncoder
from snn_mm.modules.iemf.module import IEMFModule
from snn_mm.modules.task import STAGES, Stage
from snn_mm.presence import check_presence, presence_of, present_rows, restricted, taken


class AVQAModule(IEMFModule):
    """Questions about videos: L = CE(o_f) + w_u Σ_m CE(o_m) + w_match L_match.

    With `GroundedFrames` and `temporal_mean` of the fusion it is ST-AVQA, with `PooledFrames` and
    without it Baseline. A spiking preset as `neuron` of encoders and fusion gives the spiking twin,
    whose time steps are the seconds of the video. Without the `IEMF` callback it is the paper's
    "joint learning only"; with `joint_weight: 0` as well it is vanilla.

    Frames of a video without sound point at nothing: every position is alike. A modality that a
    sample lacks is asked nothing; the match loss is of the samples that have both.

    Accuracies of the fused answer are logged by kind of question, by group and over all, such as
    `test/accuracy_visual_location/fused`, `test/accuracy_visual/fused` and `test/accuracy/fused`.

    Args:
        encoders: `audio`, `visual` or both, by name; the order is the order of fusion.
        fusion: a `QuestionFusion`.
        num_classes: K, the number of answers.
        vocabulary: number of words, the padding included.
        match_weight: w_match, weight of the match loss of `GroundedFrames`; others have none.
        options: those of `IEMFModule`; `joint_weight` is w_u.
    """

    fusion: QuestionFusion

    def __init__(
        self,
        encoders: dict[str, Encoder],
        fusion: FusionFactory = QuestionFusion,
        num_classes: int = 42,
        vocabulary: int = 93,
        match_weight: float = 0.5,
        **options: Any,
    ) -> None:
        check_encoders(encoders)
        check_range("model.match_weight", match_weight, 0)
        super().__init__(encoders, fusion, num_classes, **options)
        if not isinstance(self.fusion, QuestionFusion):
            raise UserError(
                f"model.fusion: {type(self.fusion).__name__} knows no question; "
                "accepted: QuestionFusion"
            )
        self.match_weight = match_weight
        self.question = QuestionEncoder(vocabulary, self.fusion.width)
        self.asked: Tensor | None = None
        for stage in STAGES[1:]:
            self.add_module(f"{stage}_answers", AnswerAccuracy())

    def encode(
        self, inputs: dict[str, Tensor], present: Presence | None = None, **lengths: Inputs
    ) -> dict[str, Tensor]:
        """Features `[L, N, D]` by modality, and the question `[1, N, D]`."""
        own_lengths(self.encoders, lengths.get("lengths"))
        present = restricted(present, self.modalities)
        if present is not None:
            check_presence(present, self.modalities, len(next(iter(present.values()))))
        rows = {name: present_rows(present, name) for name in self.modalities}
        held = inputs_of(rows, inputs)
        asked = {name: inputs[name] for name in (QUESTION,) if name in inputs}
        needed = [name for name, own in rows.items() if own is None or len(own)]
        check_inputs(held | asked, (*needed, QUESTION))
        features = encode_videos(self.encoders, held, rows, inputs[QUESTION].shape[0])
        features[QUESTION] = self.question(inputs[QUESTION]).unsqueeze(0)  # [1, N, D]
        return features

    def skips_parameters(self) -> bool:
        """Whether heads or the match head may be out of the loss."""
        return not self.match_weight or super().skips_parameters()

    def match_terms(
        self,
        inputs: dict[str, Tensor],
        features: dict[str, Tensor],
        stage: Stage,
        present: Presence | None = None,
    ) -> LossTerms:
        """The weighted match loss, where there is a match head and frames of other videos.

        It is of the samples that have both modalities.

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
        rows = rows_with_all(present, self.modalities)
        sound, own = (taken(features[name], rows, dim=1) for name in (AUDIO, VISUAL))
        if not sound.shape[1]:
            return {"match": sound.new_zeros(())}
        positive = frames.match_logits(sound, own)
        negative = frames.match_logits(sound, frames(taken(inputs[NEGATIVE], rows), sound))
        return {"match": self.match_weight * match_loss(positive, negative)}

    def shared_step(self, batch: Batch, stage: Stage) -> Tensor:
        """Loss of one batch; updates and logs metrics, leaves `step` for callbacks."""
        target, inputs = batch["target"], batch["inputs"]
        given = presence_of(batch, self.modalities)
        features = self.encode(inputs, *given)
        output = self.fuse(features, *given)
        logits = self.readout(output)
        terms = self.loss_terms(output, logits, target)
        terms |= self.match_terms(inputs, features, stage, *given)
        loss = self.finish_step(terms, StepOutput(output, logits, target), stage)
        self.asked = features[QUESTION].detach()
        if stage != "train":
            self.answers(stage).update(logits[FUSED].detach(), target, question_kinds(batch))
        return loss

    def shared_logits(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """What fusion and question say of each modality's features alone, `[N, K]`."""
        found = {name: self.coalition_logits(features, [name], present) for name in features}
        for name in found.keys() & (present or {}).keys():
            found[name] = found[name].masked_fill(~present[name].unsqueeze(-1), 0.0)  # type: ignore[index]
        return found

    @torch.no_grad()
    def coalition_logits(
        self,
        features: dict[str, Tensor],
        coalition: Collection[str],
        present: Presence | None = None,
    ) -> Tensor:
        """What fusion and question say of some features `[T, N, D]` of the last step, `[N, K]`."""
        if self.asked is None:
            raise ValueError("no step has asked a question yet")
        kept = {*coalition, QUESTION}
        return super().coalition_logits({**features, QUESTION: self.asked}, kept, present)

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

    @property
    def roles(self) -> tuple[str, ...]:
        """What `parameter_groups` may name: the modalities, `fusion` and `question`."""
        return (*super().roles, QUESTION)

    def role_parameters(self, role: str) -> Iterator[nn.Parameter]:
        """Parameters of one role."""
        own = role == QUESTION
        return self.question.parameters() if own else super().role_parameters(role)

    def _log_answers(self, stage: Stage) -> None:
        """Log what was asked: a small split may lack a kind, and the base logs the overall one."""
        metric = self.answers(stage)
        for name, value in metric.compute().items():
            if name != OVERALL and not value.isnan():
                # The metric has added up the ranks; Lightning asks all the same.
                self.log(f"{stage}/{name}/{FUSED}", value.float(), sync_dist=True)
        metric.reset()
