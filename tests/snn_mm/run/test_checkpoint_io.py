from pathlib import Path
from typing import Any

import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.run.checkpoint_io import AtomicCheckpointIO


def test_a_kill_while_saving_leaves_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plugin = tmp_path / "checkpoints" / "last.ckpt", AtomicCheckpointIO()
    plugin.save_checkpoint({"epoch": 1}, path)

    def stop_half_way(checkpoint: dict[str, Any], file: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", stop_half_way)
    with pytest.raises(KeyboardInterrupt):
        plugin.save_checkpoint({"epoch": 2}, path)
    assert plugin.load_checkpoint(path) == {"epoch": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_nothing_is_unpickled_whatever_the_caller_asks(tmp_path: Path) -> None:
    path, plugin = tmp_path / "evil.ckpt", AtomicCheckpointIO()
    plugin.save_checkpoint({"path": path}, path)  # a Path is an object, not plain data
    with pytest.raises(UserError, match="can be read safely"):
        plugin.load_checkpoint(path, weights_only=False)
