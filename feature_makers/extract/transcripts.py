"""Encodes the transcripts of many clips, in this process and in batches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datamodules.store.engine import Watch
from feature_makers.extract.cache import FeatureCache
from feature_makers.extract.labels import Utterance
from feature_makers.extract.options import ExtractOptions
from snn_mm.errors import UserError

BATCH = 32


def check_transcripts(utterances: Sequence[Utterance]) -> None:
    """Refuse clips of which none has a transcript.

    Raises:
        UserError: there is nothing to encode.
    """
    if not any(utterance.text.strip() for utterance in utterances):
        raise UserError("the labels have no transcripts to encode; accepted is a column text.")


def encode_transcripts(
    utterances: Sequence[Utterance],
    directory: Path,
    options: ExtractOptions,
    cache: FeatureCache,
    watch: Watch,
) -> int:
    """Put the text features that are not yet in the cache there; return how many those were.

    Args:
        utterances: whose transcripts.
        directory: of the encoder.
        options: how long a transcript may be.
        cache: where to.
        watch: is told how far the work is.

    Raises:
        UserError: the encoder can't be loaded, or gives what is not finite.
    """
    from feature_makers.extract.text import TextEncoder, encoder_digest  # needs torch

    digest = encoder_digest(directory)
    keys = {u.clip.id: json.dumps([u.text, digest, options.max_tokens]) for u in utterances}
    to_do = [u for u in utterances if not cache.has("text", u.clip.id, keys[u.clip.id])]
    watch(len(utterances) - len(to_do), len(utterances), 0)
    if not to_do:
        return 0
    encoder = TextEncoder(directory, options.max_tokens)
    to_do.sort(key=lambda utterance: len(utterance.text))  # equal lengths need no padding
    for start in range(0, len(to_do), BATCH):
        batch = to_do[start : start + BATCH]
        for utterance, states in zip(batch, encoder.encode([u.text for u in batch]), strict=True):
            if not np.isfinite(states).all():
                raise UserError(
                    f"{directory} gives NaN or infinity for the transcript of clip "
                    f"'{utterance.clip.id}'; accepted are weights without such."
                )
            cache.put("text", utterance.clip.id, keys[utterance.clip.id], states)
        watch(len(utterances) - len(to_do) + start + len(batch), len(utterances), 0)
    return len(to_do)
