"""Class-incremental learning: one classifier that grows from task to task, by any method.

What a method minimises is in `methods`, beside this; the inverse-effectiveness update is the
callback `IEMF`, whose window counts the epochs of each task.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from snn_mm.contracts import FUSED, Batch, FusionOutput, LossTerms, Presence
from snn_mm.encoders.base import Encoder
from snn_mm.encoders.inputs import lengths_of
from snn_mm.fusion import FusionFactory
from snn_mm.fusion.added import Added
from snn_mm.modules.continual.checks import (
    branches,
    check_attention,
    check_joint,
    check_options,
    check_tasks,
)
from snn_mm.modules.continual.dual_attention import DualAttention
from snn_mm.modules.continual.methods import Finetune, Method
from snn_mm.modules.continual.step import TaskStep
from snn_mm.modules.continual.task_sequence import TaskSequenceModule
from snn_mm.modules.continual.teacher import extract_features
from snn_mm.modules.task import Stage
from snn_mm.presence import presence_of


class ContinualModule(TaskSequenceModule):
    """A network that learns classes in tasks, with or without IEMF.

    After each task it is tested on all classes seen, and logs `test/accuracy/task_<j>` and the
    scores `test/average_incremental_accuracy` (AIA), `test/average_forgetting` (AFR),
    `test/average_accuracy` (AA_k) and `test/forgetting` (F_k); the matrix of tasks is written as
    `matrix.csv` and drawn as `figures/matrix.png` in the run directory.

    Set `checkpoint.monitor` to `val/selection`: then `best.ckpt` holds the weights that the last
    task ends with, whatever `select` is, and the test that ends `snnmm fit` completes the matrix.
    A checkpoint also holds the task, the teacher, the task's best weights so far and the matrix.

    `num_classes` is the number of classes seen so far once the module is built.

    Args:
        num_classes: number of classes of all tasks together.
        classes_per_task: how many of them each task adds, as the data module has it.
        encoders: one backbone per modality, by name; none where there is a trunk.
        fusion: makes the fusion; its classifiers must be linear layers.
        method: what a step minimises: `Finetune` (default), `Joint`, `LwF`, `SSIL` or `AVCIL`.
        trunk: one network for all modalities, such as `DualAttention`, instead of encoders.
        select: which weights a task ends with: those of its `best` validation, as released, or the
            `last`.
        joint_weight: weight of the terms of each modality's own head (cross-entropy and
            distillation): 1 with IEMF and 0 without, as released.
        joint_start_epoch: first epoch of these terms within each task, counted from 0.
        joint_end_epoch: last epoch, included; without it there is no end.
        options: those of `MultimodalModule`.
    """

    def __init__(
        self,
        num_classes: int,
        classes_per_task: int,
        encoders: dict[str, Encoder] | None = None,
        fusion: FusionFactory = Added,
        method: Method | None = None,
        trunk: DualAttention | None = None,
        select: Literal["best", "last"] = "best",
        joint_weight: float = 0.0,
        joint_start_epoch: int = 0,
        joint_end_epoch: int | None = None,
        modalities: list[str] | None = None,
        **options: Any,
    ) -> None:
        check_options(num_classes, classes_per_task, select)
        check_joint(joint_weight, joint_start_epoch, joint_end_epoch)
        parts = branches(encoders, trunk, modalities)
        super().__init__(parts, fusion, num_classes, modalities, **options)
        self.trunk = trunk
        self.method: Method = method or Finetune()
        self.has_teacher = self.method.has_teacher
        self.starts_anew = self.method.starts_anew
        check_attention(self.method, trunk)
        self.joint_weight = joint_weight
        self.joint_start_epoch, self.joint_end_epoch = joint_start_epoch, joint_end_epoch
        self.begin_sequence(classes_per_task, select)

    def setup(self, stage: str) -> None:
        """Check the module and its method against the data before the first batch."""
        check_tasks(self.method, self.classes_per_task, self.data)
        super().setup(stage)

    def loss_terms(
        self, output: FusionOutput, logits: dict[str, Tensor], target: Tensor
    ) -> LossTerms:
        """Cross-entropy over all classes seen, which validation and test report."""
        return {FUSED: cross_entropy(logits[FUSED], target)}

    def shared_step(self, batch: Batch, stage: Stage) -> Tensor:
        """Loss of one batch; in training that of the method.

        What it leaves for callbacks in training is the current task alone, its samples and the
        logits of its classes; of `Joint` everything.
        """
        if stage != "train":
            return super().shared_step(batch, stage)
        step = self.task_step(batch)
        terms, modulated = self.method.terms(step), self.method.modulated(step)
        return self.finish_step(terms, modulated, stage, rated=step.whole())

    def task_step(self, batch: Batch) -> TaskStep:
        """What network and teacher make of a batch."""
        compares = self.method.needs_attention and self.teacher is not None
        inputs, lengths = batch["inputs"], lengths_of(self, batch)
        there = presence_of(batch, self.modalities)
        extracted = extract_features(self.encoders, self.trunk, inputs, compares, *there, **lengths)
        output = self.fusion(extracted.features, *there)
        taught = taught_attention = None
        if self.teacher is not None:
            with torch.no_grad():
                answer, taught_attention = self.teacher(inputs, compares, *there, **lengths)
                taught = self.readout(answer)
        return TaskStep(
            output,
            self.readout(output),
            batch["target"],
            self.tasks,
            self.current_joint_weight(),
            taught,
            extracted.attention,
            taught_attention,
        )

    def skips_parameters(self) -> bool:
        """Whether heads may be out of the loss: without joint learning, or outside its window."""
        whole = self.joint_start_epoch == 0 and self.joint_end_epoch is None
        silent = bool(self.fusion.heads) and not (self.joint_weight and whole)
        return silent or super().skips_parameters()

    def current_joint_weight(self) -> float:
        """Weight of the terms of each modality's own head in this epoch of the task."""
        epoch, end = self.modulation_epoch, self.joint_end_epoch
        inside = self.joint_start_epoch <= epoch and (end is None or epoch <= end)
        return self.joint_weight if inside else 0.0

    @torch.no_grad()
    def shared_logits(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """What the classifier says of each modality's features, of the classes `step` has."""
        logits = super().shared_logits(features, present)
        return {name: value[:, self._first_class :] for name, value in logits.items()}

    @torch.no_grad()
    def coalition_logits(
        self,
        features: dict[str, Tensor],
        coalition: Collection[str],
        present: Presence | None = None,
    ) -> Tensor:
        """What the classifier says of some modalities' features, of the classes `step` has."""
        return super().coalition_logits(features, coalition, present)[:, self._first_class :]

    @property
    def _first_class(self) -> int:
        """The first class that `step` has: of all tasks, or of the current one."""
        return 0 if self.method.protocol == "joint" else self.tasks[-1].start
