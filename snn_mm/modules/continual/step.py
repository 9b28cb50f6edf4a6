"""What one training step of a task gives to a method."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from snn_mm.contracts import FUSED, FusionOutput, StepOutput
from snn_mm.modules.continual.distillation import AttentionMaps
from snn_mm.presence import present_rows, stacked_masks


class TaskStep(NamedTuple):
    """One batch of a task: samples of its classes and, with a memory, exemplars of earlier ones.

    Attributes:
        output: logits of every time step, and the features they were made of.
        logits: one prediction per sample `[N, K]`, by modality and for `FUSED`.
        target: class indices `[N]`; an exemplar is what lies below the current task's classes.
        tasks: classes of each task seen so far, the current one last.
        joint_weight: weight of every term of one modality's own head; 0 outside the window.
        taught: the teacher's logits `[N, K']` by modality and for `FUSED`; None in the first task
            and for methods without a teacher.
        attention: the trunk's attention; None without a trunk that attends.
        taught_attention: the teacher's.
    """

    output: FusionOutput
    logits: dict[str, Tensor]
    target: Tensor
    tasks: tuple[range, ...]
    joint_weight: float = 0.0
    taught: dict[str, Tensor] | None = None
    attention: AttentionMaps | None = None
    taught_attention: AttentionMaps | None = None

    @property
    def start(self) -> int:
        """First class of the current task."""
        return self.tasks[-1].start

    @property
    def old_tasks(self) -> tuple[range, ...]:
        """Classes of each earlier task."""
        return self.tasks[:-1]

    @property
    def exemplars(self) -> Tensor:
        """Which samples are exemplars, a mask `[N]`."""
        return self.target < self.start

    def weights(self) -> dict[str, float]:
        """Weight of the prediction of the fusion and of each modality's own head."""
        return {FUSED: 1.0, **dict.fromkeys(self.output.unimodal, self.joint_weight)}

    def features(self) -> dict[str, Tensor]:
        """Features `[N, D]` by modality, the mean over time."""
        return {name: value.mean(dim=0) for name, value in self.output.features.items()}  # [N, D]

    def rows(self, modality: str) -> Tensor | None:
        """Which samples have a modality, or the fusion, indices `[n]`; None where all do."""
        return present_rows(self.output.present, modality)

    def both(self) -> Tensor | None:
        """Which samples have all modalities, indices `[n]`; None where all do."""
        there = stacked_masks(self.output.present, self.output.features)
        return None if there is None else there.all(dim=0).nonzero().squeeze(1)

    def whole(self) -> StepOutput:
        """All samples, and logits of all classes seen."""
        return StepOutput(self.output, self.logits, self.target)

    def current(self) -> StepOutput:
        """The current task alone: its samples, the block of logits of its classes, targets from 0.

        This is what modulations see: the released IEMF computes its coefficient from it.
        """
        rows = ~self.exemplars
        fused, unimodal, features, _, present = self.output
        output = FusionOutput(
            fused[:, rows, self.start :],  # [T, N', K']
            {name: value[:, rows, self.start :] for name, value in unimodal.items()},
            {name: value[:, rows] for name, value in features.items()},
            present=None if present is None else {n: mask[rows] for n, mask in present.items()},
        )
        logits = {name: value[rows, self.start :] for name, value in self.logits.items()}
        return StepOutput(output, logits, self.target[rows] - self.start)
