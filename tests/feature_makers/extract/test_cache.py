"""Features of single clips survive a kill and are valid for their key alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feature_makers.extract.engine import FeatureCache

FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.mark.parametrize("clip", ["a", "video_1$_$2", "folder/a", "..", "what?*"])
def test_what_was_put_is_read(tmp_path: Path, clip: str) -> None:
    cache = FeatureCache(tmp_path)
    cache.put("audio", clip, "key", FEATURES)
    assert cache.key("audio", clip) == "key"
    np.testing.assert_array_equal(cache.read("audio", clip), FEATURES)
    assert cache.path("audio", clip).parent == tmp_path / "audio"


def test_another_key_modality_or_clip_is_not_there(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    cache.put("audio", "a", "key", FEATURES)
    assert cache.key("audio", "a") != "other key"
    assert cache.key("visual", "a") != "key"
    assert cache.key("audio", "b") != "key"


@pytest.mark.parametrize("kept", [0, 30, 200])
def test_a_damaged_file_is_not_there(tmp_path: Path, kept: int) -> None:
    cache = FeatureCache(tmp_path)
    cache.put("audio", "a", "key", FEATURES)
    path = cache.path("audio", "a")
    path.write_bytes(path.read_bytes()[:kept])
    assert cache.key("audio", "a") != "key"
