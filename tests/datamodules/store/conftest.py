"""Makes `folder_data` importable, here and in the processes that tests start."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from datamodules.store.clip import Clip


@pytest.fixture
def clip() -> Callable[..., Clip]:
    """Return a maker of clips: id, file, and what else `Clip` takes."""

    def make(name: str, path: Path = Path("none"), **rest: object) -> Clip:
        return Clip(name, **{"label": 0, "part": "train", "picture": path, "sound": path, **rest})

    return make


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, write_clip: Callable[..., Path]) -> Path:
    """Return a folder of clips in four formats."""
    source = tmp_path_factory.mktemp("clips")
    for index, suffix in enumerate(("mp4", "avi", "mkv", "flv") * 3):
        write_clip(source / f"{index:02d}.{suffix}", 1.0, tone=300 + 10 * index)
    return source
