"""What question answering finds in a batch, by name, and the parts that can read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor

from snn_mm.contracts import Batch
from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.modules.avqa.encoders import FrameEncoder

AUDIO, VISUAL = "audio", "visual"
"""The modalities."""

NEGATIVE = "negative"
"""Frames of other videos, for the match loss; no modality."""


def check_encoders(encoders: Mapping[str, Encoder]) -> None:
    """Refuse encoders that no network for questions can be made of.

    Raises:
        UserError: names them and what is accepted.
    """
    unknown = [name for name in encoders if name not in (AUDIO, VISUAL)]
    if unknown or (VISUAL in encoders and not isinstance(encoders[VISUAL], FrameEncoder)):
        found = ", ".join(f"{name}: {type(part).__name__}" for name, part in encoders.items())
        raise UserError(
            f"model.encoders: {found}\n"
            "accepted: audio, and visual with PooledFrames or GroundedFrames"
        )


def question_kinds(batch: Batch) -> Tensor:
    """The kind of each question of a batch, `[N]`.

    Raises:
        UserError: the data do not say.
    """
    if "kind" not in batch:
        raise UserError(
            "AVQAModule rates answers by kind of question, and the batch has no `kind` [N]\n"
            "accepted: data such as MusicAVQA, whose batches index QUESTION_KINDS"
        )
    return cast("Tensor", batch["kind"])  # type: ignore[typeddict-item]  # of QuestionBatch


def check_task(data: object, grounding: bool) -> None:
    """Refuse pairs where questions are answered, and questions where pairs are told apart.

    Args:
        data: a data module; one that does not say which it gives is not checked.
        grounding: whether pairs are wanted.

    Raises:
        UserError: names the key.
    """
    given = getattr(data, "grounding", grounding)
    if given != grounding:
        found, module = ("pairs", "AVQAModule") if given else ("questions", "GroundingModule")
        raise UserError(
            f"data.grounding is {str(given).lower()}, so the data give {found}, "
            f"of which {module} learns nothing\naccepted: data.grounding: {str(grounding).lower()}"
        )
