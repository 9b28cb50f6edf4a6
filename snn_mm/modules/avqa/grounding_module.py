"""Grounding pre-training, the first experiment of ST-AVQA: does this picture belong to this sound?

Li et al., "Learning to Answer Questions in Dynamic Audio-Visual Scenarios" (CVPR 2022). What it
learns initialises an `AVQAModule` through the callback `WarmStart`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from snn_mm.contracts import FUSED, Batch, Scope
from snn_mm.encoders.base import Encoder
from snn_mm.encoders.inputs import check_inputs
from snn_mm.errors import UserError
from snn_mm.metrics.quick_log import quick_log
from snn_mm.modules.avqa.encoders import GroundedFrames
from snn_mm.modules.avqa.grounding import MATCHED, MISMATCHED, match_loss
from snn_mm.modules.avqa.inputs import AUDIO, NEGATIVE, VISUAL, check_task
from snn_mm.modules.base import Prediction
from snn_mm.modules.data_check import check_against_data
from snn_mm.modules.task import STAGES, Stage, TaskModule

CLASSES = 2


class GroundingModule(TaskModule):
    """Sound and frames, trained to tell frames of the sound's own video from those of others.

    The accuracy is that of both pairs of every sound; 0.5 is chance.

    Args:
        encoders: `audio`, and `visual` with `GroundedFrames`, as those of the model that follows.
        options: those of `TaskModule`.
    """

    def __init__(self, encoders: dict[str, Encoder], **options: Any) -> None:
        super().__init__(**options)
        if set(encoders) != {AUDIO, VISUAL} or not isinstance(encoders[VISUAL], GroundedFrames):
            found = ", ".join(f"{name}: {type(part).__name__}" for name, part in encoders.items())
            raise UserError(
                f"model.encoders: {found or 'none'}\naccepted: audio, and visual: GroundedFrames"
            )
        self.encoders = nn.ModuleDict(encoders)
        for stage in STAGES:
            self.add_module(f"{stage}_accuracy", MulticlassAccuracy(CLASSES, average="micro"))
        self.check_parameter_groups()

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities."""
        return tuple(self.encoders)

    def metric_names(self) -> list[str]:
        """Every name that validation logs: what a checkpoint or schedule may monitor."""
        return ["val/loss", f"val/accuracy/{FUSED}"]

    def forward(self, sound: Tensor, frames: Tensor) -> Tensor:
        """Logits `[L, N, 2]` of sound `[N, L, D]` and maps `[N, L, C, H, W]`."""
        check_inputs({AUDIO: sound, VISUAL: frames}, self.modalities)
        heard = self.encoders[AUDIO](sound)
        grounded = cast("GroundedFrames", self.encoders[VISUAL])
        return grounded.match_logits(heard, grounded(frames, heard))

    def shared_step(self, batch: Batch, stage: Stage) -> Tensor:
        """Loss of one batch; updates and logs metrics."""
        inputs, size = batch["inputs"], len(batch["target"])
        check_pairs(batch)
        if NEGATIVE not in inputs:
            raise UserError(
                "GroundingModule needs frames of other videos, which the data do not give\n"
                "accepted: MusicAVQA with data.grounding: true"
            )
        own = self(inputs[AUDIO], inputs[VISUAL])
        other = self(inputs[AUDIO], inputs[NEGATIVE])
        loss = match_loss(own, other)
        options: dict[str, Any] = {"on_step": False, "on_epoch": True, "batch_size": size}
        accuracy = getattr(self, f"{stage}_accuracy")
        for logits, truth in ((own, MATCHED), (other, MISMATCHED)):
            flat = logits.detach().reshape(-1, CLASSES)  # [L, N, 2] -> [L * N, 2]
            accuracy.update(flat, torch.full((len(flat),), truth, device=flat.device))
        name = f"{stage}/accuracy/{FUSED}"
        quick_log(self, name, accuracy, prog_bar=stage == "val", **options)
        return self.total_loss({"match": loss}, size, stage)

    def predict_step(self, batch: Batch, batch_idx: int) -> Prediction:
        """Probabilities of other and own video, `[N, 2]`, the mean over the seconds."""
        check_pairs(batch)
        logits = self(batch["inputs"][AUDIO], batch["inputs"][VISUAL])
        return {"id": batch["id"], "probability": {FUSED: logits.softmax(dim=-1).mean(dim=0)}}

    def setup(self, stage: str) -> None:
        """Check the module against the data before the first batch."""
        super().setup(stage)
        data = getattr(self.trainer, "datamodule", None)
        check_task(data, grounding=True)
        check_against_data(self.modalities, CLASSES, data)

    def modality_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters of one modality's encoder; the match head is part of the visual one."""
        return self.encoders[modality].parameters()

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """None: the match head belongs to the visual encoder."""
        return iter(())


def check_pairs(batch: Batch) -> None:
    """Refuse samples that lack sound or frames: there is no pair to tell.

    Raises:
        UserError: names the first of them.
    """
    for name in (AUDIO, VISUAL):
        there = batch.get("present", {}).get(name)
        if there is not None and not there.all():
            first = batch["id"][int((~there).nonzero()[0])]
            raise UserError(f"GroundingModule needs pairs: sample '{first}' has no {name}")
