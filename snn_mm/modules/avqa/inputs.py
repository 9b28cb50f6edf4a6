"""What question answering finds in a batch, by name, and the parts that can read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from snn_mm.contracts import Batch, Presence
from snn_mm.encoders.base import Encoder
from snn_mm.encoders.inputs import mark_broken, widths
from snn_mm.errors import UserError
from snn_mm.modules.avqa.encoders import FrameEncoder
from snn_mm.presence import lone_values, present_rows, restricted, scattered, taken

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


def encode_videos(
    encoders: nn.ModuleDict,
    held: Mapping[str, Tensor],
    rows: Mapping[str, Tensor | None],
    samples: int,
) -> dict[str, Tensor]:
    """Features `[L, N, D]` by modality, zero for samples that lack it; frames know of the sound.

    Args:
        encoders: `audio`, `visual` or both, by name.
        held: inputs `[n, L, ...]` of the samples that have a modality, some sample at least one.
        rows: which samples these are, `[n]` by modality; None is all.
        samples: N.
    """
    dims, found = widths(encoders), dict[str, Tensor]()
    seconds = next(iter(held.values())).shape[1]
    for name in sorted(encoders, key=(AUDIO, VISUAL).index):
        there, dim = rows[name], dims[name]
        if name not in held:
            zeros = next(iter(held.values())).new_zeros(seconds, samples, dim)
            found[name] = zeros if zeros.is_floating_point() else zeros.float()
            continue
        sound = (taken(found[AUDIO], there, dim=1),) if name == VISUAL and AUDIO in found else ()
        with lone_values(encoders[name], held[name].shape[0]):
            made = encoders[name](held[name], *sound)
        made = mark_broken({name: made}, held)[name]
        found[name] = made if there is None else scattered(made, there, samples)
    return found


def rows_with_all(present: Presence | None, modalities: Iterable[str]) -> Tensor | None:
    """Which samples have all of some modalities, indices `[n]`; None where all do.

    Example:
        >>> there = torch.tensor([True, True, False])
        >>> rows_with_all({"audio": there, "visual": ~there.roll(1)}, ["audio", "visual"])
        tensor([0])
    """
    masks = restricted(present, modalities)
    if masks is None:
        return None
    return present_rows({"all": torch.stack(list(masks.values())).all(dim=0)}, "all")


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
