"""Features of transcripts from a frozen transformer encoder that lies in a local directory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.packages import is_installed
from datamodules.store.folders import find_files
from snn_mm.errors import UserError

PACKAGE = "transformers"
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
        self._tokenizer, self._model, loading = _load(directory)
        _refuse_missing(directory, loading)
        self._model.float().eval().requires_grad_(False)

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
    if not is_installed(PACKAGE):
        raise UserError('text features need transformers: run `pip install "snn_mm[text]"`.')


def encoder_digest(directory: Path) -> str:
    """Return 16 hexadecimal digits of the encoder's files; a gigabyte of weights takes a second."""
    sha = hashlib.sha256()
    for path in find_files(directory, {".safetensors", ".json", ".txt", ".model"}):
        with path.open("rb") as file:
            sha.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return sha.hexdigest()[:16]


def _load(directory: Path) -> tuple[Any, Any, dict[str, Any]]:
    """Return tokenizer, model and what loading it met."""
    transformers = import_module(PACKAGE)
    transformers.utils.logging.disable_progress_bar()  # no bar inside of ours
    # Its weights' own error is no ValueError.
    damage = import_module("safetensors").SafetensorError
    local: dict[str, Any] = {"local_files_only": True}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory, **local)
        model, loading = transformers.AutoModel.from_pretrained(
            directory, use_safetensors=True, output_loading_info=True, **local
        )
    except (OSError, ValueError, KeyError, damage) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"text encoder {directory}: {reason}\n{ACCEPTED}") from error
    return tokenizer, model, loading


def _refuse_missing(directory: Path, loading: dict[str, Any]) -> None:
    """Refuse random weights that affect the hidden states; a pooler is behind them."""
    missing = sorted(name for name in loading["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise UserError(
            f"text encoder {directory}: its weights lack {len(missing)} tensors that config.json "
            f"declares, such as {missing[0]}; accepted are complete weights."
        )
