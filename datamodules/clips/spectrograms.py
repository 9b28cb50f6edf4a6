"""Spectrograms of clips: the same in every epoch, so that they are computed once and kept."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.batches import begin_worker
from datamodules.clips.protocols import Protocol
from datamodules.clips.sound import audio_input
from datamodules.store.store import ClipStore
from snn_mm.errors import UserError
from snn_mm.run.processor import one_thread
from snn_mm.run.replace import replacing

Keeping = Literal["auto", "keep", "compute"]

FREE_SHARE = 0.1
"""Part of the free disk that `auto` takes at most."""

PICTURE_FIELDS = ("frames", "frame_draw", "image_size", "resize")
"""Fields of a protocol that the sound does not depend on."""


class Spectrograms(Dataset[Tensor]):
    """Spectrogram `[1, F, L]` of each clip of a store: as it is kept in a file, or computed.

    What is kept is bit for bit what a process with one thread, such as a worker, computes here:
    the file's name depends on the spectrogram of the first clip, too.

    Args:
        store: the prepared clips.
        protocol: which spectrogram.
        keeping: `auto` and `keep` look for the file, `compute` does not.
    """

    def __init__(self, store: ClipStore, protocol: Protocol, keeping: Keeping = "auto") -> None:
        self.store, self.protocol, self.keeping = store, protocol, keeping

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, row: int) -> Tensor:
        """Return the spectrogram of a clip of the store."""
        if self._file is None:
            return audio_input(self.store.wave(row), self.store.sample_rate(row), self.protocol)
        kept = torch.empty_like(self._first)
        place = kept.numpy().data.cast("B")
        if os.preadv(self._file.fileno(), [place], row * kept.nbytes) < kept.nbytes:
            raise UserError(f"{self.path} has become shorter. Delete it and run again.")
        return kept

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_file"}

    @property
    def are_alike(self) -> bool:
        """Whether those of all clips have one shape, as in a file they must."""
        protocol = self.protocol
        lengths = (protocol.seconds, protocol.audio_size)
        return protocol.spectrogram == "fbank" or lengths != (None, None)

    @property
    def nbytes(self) -> int:
        """Size of all of them."""
        return len(self) * self._first.nbytes

    @cached_property
    def path(self) -> Path:
        """Of the file, which lies in the store."""
        fields = {k: v for k, v in asdict(self.protocol).items() if k not in PICTURE_FIELDS}
        sha = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
        sha.update(self._first.numpy().tobytes())
        name = f"spectrograms-{self.store.fingerprint}-{sha.hexdigest()[:12]}.bin"
        return self.store.directory / name

    @cached_property
    def _first(self) -> Tensor:
        with one_thread():
            wave, rate = self.store.wave(0), self.store.sample_rate(0)
            return audio_input(wave, rate, self.protocol).contiguous()

    @cached_property
    def _file(self) -> io.FileIO | None:
        """What this process reads from; None where it computes."""
        if self.keeping == "compute" or not self.are_alike or not self.path.is_file():
            return None
        if self.path.stat().st_size != self.nbytes:
            raise UserError(f"{self.path} is damaged: its size is wrong. Delete it and run again.")
        return io.FileIO(self.path)


def keep(spectrograms: Spectrograms, workers: int) -> None:
    """Write the spectrograms of all clips, unless that is done or not wanted.

    Args:
        spectrograms: of all clips.
        workers: processes that compute them; 0 is this one.

    Raises:
        UserError: they are to be kept but differ in shape, or can't be written.
    """
    wanted = spectrograms.keeping == "keep"
    if wanted and not spectrograms.are_alike:
        raise UserError(
            "spectrograms is 'keep', but with seconds: null those of clips differ in length\n"
            "accepted: auto, compute, or a protocol with seconds or audio_size"
        )
    if spectrograms.keeping == "compute" or not spectrograms.are_alike:
        return
    path, nbytes = spectrograms.path, spectrograms.nbytes
    free = FREE_SHARE * shutil.disk_usage(path.parent).free
    # Of a store behind a URL all clips would have to be fetched first.
    if path.is_file() or not (wanted or (spectrograms.store.is_local and nbytes <= free)):
        return
    rank_zero_info(
        f"The spectrograms of {len(spectrograms)} clips are computed once and kept: "
        f"{nbytes / 1e6:.3g} MB in {path} (not with data.spectrograms: compute)"
    )
    try:
        _write(spectrograms, path, workers)
    except (OSError, UserError) as error:
        says = f"Spectrograms can't be kept: {str(error).splitlines()[0]}"
        if wanted:
            raise UserError(f"{says}\naccepted: space and write access, or auto") from error
        rank_zero_warn(f"{says}; they are computed in every epoch.")


def _write(spectrograms: Spectrograms, path: Path, workers: int) -> None:
    """Write them in the order of the store, and remove those of what the store was before."""
    loader = DataLoader(
        Spectrograms(spectrograms.store, spectrograms.protocol, "compute"),
        batch_size=32,
        num_workers=workers,
        worker_init_fn=begin_worker,
    )
    with replacing(path) as temporary, temporary.open("wb") as file, one_thread():
        for batch in loader:
            file.write(batch.numpy())
    for other in path.parent.glob("spectrograms-*.bin"):
        if spectrograms.store.fingerprint not in other.name:
            other.unlink(missing_ok=True)
