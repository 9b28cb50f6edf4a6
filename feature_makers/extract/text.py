"""Features of transcripts from a frozen transformer encoder that lies in a local directory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.store.folders import find_files
from datamodules.store.processing import OnProgress
from datamodules.store.source import sha256
from feature_makers.extract.engine import FeatureCache
from feature_makers.extract.labels import LabelledUtterance
from feature_makers.extract.options import ExtractOptions
from feature_makers.weights import load_transformer, require_package
from snn_mm.errors import UserError

BATCH = 32
ACCEPTED = "accepted is a directory with config.json, a tokenizer and *.safetensors weights"


class TextEncoder:
    """Turns transcripts into the last hidden states of an encoder such as BERT.

    Nothing is ever downloaded and nothing is unpickled.

    Args:
        directory: what the encoder's `save_pretrained` wrote.
        max_tokens: length that transcripts are cut to, special tokens included.

    Raises:
        UserError: the package or a part of the directory is missing, or the weights don't fit.
    """

    def __init__(self, directory: Path, max_tokens: int = 50) -> None:
        check_encoder(directory)
        self.max_tokens = max_tokens
        name, classes = f"text encoder {directory}", ("AutoTokenizer", "AutoModel")
        weights = f"{name}: its weights"
        # A pooler is behind the hidden states.
        self._tokenizer, self._model = load_transformer(
            directory, classes, name, weights, ACCEPTED, unused="pooler."
        )

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return `[L, D]` for each text: its tokens, first and last special token included."""
        tokens = self._tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
        )
        hidden = self._model(**tokens).last_hidden_state
        valid = tokens["attention_mask"].bool()
        return [states[mask].numpy() for states, mask in zip(hidden, valid, strict=True)]


def check_encoder(directory: Path) -> None:
    """Refuse what can't work before any time is spent.

    Raises:
        UserError: the package is not installed, or the directory is not an encoder's.
    """
    if not directory.is_dir():
        raise UserError(f"text encoder {directory}: no such directory; {ACCEPTED}.")
    if not (directory / "config.json").is_file():
        raise UserError(f"text encoder {directory} has no config.json; {ACCEPTED}.")
    if not any(directory.glob("*.safetensors")):
        pickled = ", ".join(sorted(path.name for path in directory.glob("*.bin")))
        why = f"only {pickled}, a pickle, which is never loaded" if pickled else "no weights"
        raise UserError(f"text encoder {directory} has {why}; {ACCEPTED}.")
    require_package("transformers", "text features need", '"snn_mm[text]"')


def encoder_digest(directory: Path) -> str:
    """Return 16 hexadecimal digits of the encoder's files; a gigabyte of weights takes a second."""
    sha = hashlib.sha256()
    for path in find_files(directory, {".safetensors", ".json", ".txt", ".model"}):
        sha.update(path.name.encode() + bytes.fromhex(sha256(path)))
    return sha.hexdigest()[:16]


def check_transcripts(utterances: Sequence[LabelledUtterance]) -> None:
    """Refuse clips of which none has a transcript.

    Raises:
        UserError: there is nothing to encode.
    """
    if not any(utterance.text.strip() for utterance in utterances):
        raise UserError("the labels have no transcripts to encode; accepted is a column text.")


def encode_transcripts(
    utterances: Sequence[LabelledUtterance],
    directory: Path,
    options: ExtractOptions,
    cache: FeatureCache,
    on_progress: OnProgress,
) -> int:
    """Put the text features that are not yet in the cache there; return how many those were.

    Raises:
        UserError: the encoder in the directory can't be loaded, or gives what is not finite.
    """
    digest = encoder_digest(directory)
    keys = {u.clip.id: json.dumps([u.text, digest, options.max_tokens]) for u in utterances}
    to_do = [u for u in utterances if cache.key("text", u.clip.id) != keys[u.clip.id]]
    on_progress(len(utterances) - len(to_do), len(utterances), 0)
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
        on_progress(len(utterances) - len(to_do) + start + len(batch), len(utterances), 0)
    return len(to_do)
