"""Small feature files, and makes `feature_data` importable."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import feature_data

Content = feature_data.Content


@pytest.fixture
def content() -> Content:
    """What an unaligned file holds, and the settings that MMSA-FET adds."""
    return feature_data.make_content()


@pytest.fixture
def aligned_content() -> Content:
    """What an aligned file holds: one number of steps, no lengths, no labels by modality."""
    return feature_data.make_aligned_content()


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of pickles: content, name, protocol."""

    def write(content: object, name: str = "features.pkl", protocol: int = 4) -> Path:
        return feature_data.save(content, tmp_path / name, protocol)

    return write
