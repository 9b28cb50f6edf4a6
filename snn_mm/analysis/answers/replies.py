"""What trained runs answer to the questions of their test split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_mm.analysis.answers.page import Answered
from snn_mm.analysis.sentiment.clip_loading import batches
from snn_mm.config.restore import Restored
from snn_mm.contracts import FUSED, Classifies
from snn_mm.errors import UserError
from snn_mm.modules.avqa.inputs import question_kinds
from snn_mm.presence import presence_of


class Replies(NamedTuple):
    """What one run answered.

    Attributes:
        ids: of the samples.
        classes: answers `[N]`.
        targets: right answers `[N]`.
        kinds: indices into `QUESTION_KINDS`, `[N]`.
        texts: the questions.
        names: of the K answers.
    """

    ids: list[str]
    classes: Tensor
    targets: Tensor
    kinds: Tensor
    texts: list[str]
    names: Sequence[str]


@torch.no_grad()
def ask(restored: Restored, device: str) -> Replies:
    """Ask a run the questions of its test split.

    Args:
        restored: the run.
        device: where its module is.

    Raises:
        UserError: it was not trained to answer questions.
    """
    module = restored.module
    data: Any = restored.data
    questions = getattr(data, "questions", None)
    if not isinstance(module, Classifies) or questions is None:
        raise UserError(
            f"answers: {restored.run.path} trained {type(module).__name__} on "
            f"{type(data).__name__}\naccepted: runs of AVQAModule on MusicAVQA"
        )
    ids: list[str] = []
    found: list[Tensor] = []
    for batch in batches(data, "test", device):
        logits = module.readout(module(batch["inputs"], *presence_of(batch, module.modalities)))
        ids += batch["id"]
        answers = logits[FUSED].argmax(dim=-1)
        kinds_of = question_kinds(batch)
        found.append(torch.stack([answers, batch["target"], kinds_of]).cpu())  # [3, N]
    classes, targets, kinds = torch.cat(found, dim=1)
    texts = [question.text for question in questions("test")]
    return Replies(ids, classes, targets, kinds, texts, data.class_names)


def side_by_side(replies: dict[str, Replies]) -> Iterator[Answered]:
    """The questions with the answers of all runs.

    Raises:
        UserError: two runs were asked different questions.
    """
    first_name, first = next(iter(replies.items()))
    for name, other in replies.items():
        if other.ids != first.ids:
            raise UserError(
                f"answers: {first_name} and {name} were asked different questions\n"
                "accepted: runs with the same data.release and data.videos"
            )
    for index, (sample, text) in enumerate(zip(first.ids, first.texts, strict=True)):
        given = tuple(reply.names[int(reply.classes[index])] for reply in replies.values())
        truth = first.names[int(first.targets[index])]
        yield Answered(sample, int(first.kinds[index]), text, truth, given)
