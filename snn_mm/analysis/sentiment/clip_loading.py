"""Clips of a restored run: which loader has them, and one of them as a batch of its own."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Literal, cast

import torch
from lightning import LightningDataModule
from lightning.fabric.utilities.apply_func import move_data_to_device

from snn_mm.config.restore import Restored
from snn_mm.contracts import Batch, ScoresSequences
from snn_mm.errors import UserError
from snn_mm.modules.sgmt import SGMT

Part = Literal["train", "val", "test"]


def sentiment_module(restored: Restored) -> ScoresSequences:
    """The module of a run that scores sentiment.

    Raises:
        UserError: the run trained something else.
    """
    if not isinstance(restored.module, ScoresSequences):
        raise UserError(
            f"{restored.run.path} trained a {type(restored.module).__name__}\n"
            "accepted: runs of SGMTModule or SentimentModule"
        )
    return restored.module


def sgmt_network(restored: Restored) -> SGMT:
    """The network of a run of SGMT or of its ANN twin.

    Raises:
        UserError: the run trained something else.
    """
    network = getattr(restored.module, "network", None)
    if not isinstance(network, SGMT):
        raise UserError(
            f"{restored.run.path} trained no SGMT\naccepted: runs of SGMTModule and its ANN twin"
        )
    return network


def batches(
    data: LightningDataModule, part: Part, device: torch.device | str = "cpu"
) -> Iterator[Batch]:
    """Every batch of a part, on a device."""
    loader: Any = getattr(data, f"{part}_dataloader")()
    for batch in loader:
        yield cast("Batch", move_data_to_device(batch, torch.device(device)))


def take_clip(data: LightningDataModule, clip: str, part: Part = "test") -> Batch:
    """One clip as a batch, without padding of its batch.

    Raises:
        UserError: there is no clip of this id; names some that are near, or there.
    """
    known: list[str] = []
    for batch in batches(data, part):
        if clip in batch["id"]:
            return alone(batch, batch["id"].index(clip))
        known += batch["id"]
    raise unknown_clip(clip, known, part)


def unknown_clip(clip: str, known: list[str], part: str) -> UserError:
    """What to say of a clip that is not there."""
    near = difflib.get_close_matches(clip, known, n=3) or known[:3]
    return UserError(f"no clip '{clip}' in the {part} part; such as: {', '.join(near)}")


def alone(batch: Batch, row: int) -> Batch:
    """One sample of a batch of sequences as a batch; inputs `[1, L, D]` end at their lengths."""
    lengths = {name: length[row : row + 1] for name, length in batch["lengths"].items()}
    own = {name: x[row : row + 1] for name, x in batch.get("unimodal_target", {}).items()}
    single: Batch = {
        "inputs": {
            name: x[row : row + 1, : int(lengths[name])] for name, x in batch["inputs"].items()
        },
        "lengths": lengths,
        "target": batch["target"][row : row + 1],
        "id": [batch["id"][row]],
    }
    if own:
        single["unimodal_target"] = own
    if "present" in batch:
        single["present"] = {n: mask[row : row + 1] for n, mask in batch["present"].items()}
    return single
