"""Features of a dictionary that stays in its file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from datamodules.av_cil.features import PickledFeatures
from snn_mm.errors import UserError


def test_a_file_that_shrinks_while_it_is_mapped_is_named(tmp_path: Path) -> None:
    path, out = tmp_path / "dict.npy", np.zeros(4096, np.float32)
    arrays = {f"{number}": np.full(4096, number, np.float32) for number in range(3)}
    np.save(path, np.array(arrays), allow_pickle=True)
    features = PickledFeatures(path, (4096,))
    features.read("2", out)
    assert out.tolist() == [2.0] * 4096
    os.truncate(path, 8192)
    with pytest.raises(UserError, match=r"dict\.npy has become shorter while it was in use"):
        features.read("2", out)
