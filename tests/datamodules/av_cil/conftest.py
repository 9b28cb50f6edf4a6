"""Small folders of AV-CIL, and makes `av_cil_data` importable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import av_cil_data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small folder of AV-CIL with visual features in HDF5."""
    return av_cil_data.write(tmp_path / "AVE")
