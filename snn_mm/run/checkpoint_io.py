"""Checkpoints that are whole or absent, read without unpickling code."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from snn_mm.reading.checkpoints import read_torch
from snn_mm.run.checkpoint_digest import check_digest, save_with_digest
from snn_mm.run.replace import replacing


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write beside the target and rename, so that a kill leaves the previous checkpoint.

    Lightning writes to the system's temporary folder first; moving from there to another file
    system copies, and a copy can be cut short.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Save a checkpoint dictionary."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary, temporary.open("wb") as file:
            save_with_digest(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Callable[..., Any] | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Load a checkpoint; tensors and plain containers only, whatever the caller asks for.

        Raises:
            UserError: it is not as it was saved.
        """
        check_digest(Path(path))
        checkpoint: dict[str, Any] = read_torch(Path(path), map_location or "cpu")
        return checkpoint
