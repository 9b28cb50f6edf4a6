"""Stores of extracted features: what they hold, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datamodules.feature_files.store import SPLITS, FeatureStore
from datamodules.store.clip import Clip
from feature_makers.extract.assemble import assemble, common_length
from feature_makers.extract.engine import FeatureCache
from feature_makers.extract.labels import LabelledUtterance
from snn_mm.errors import UserError

LENGTHS = {"a": 3, "b": 5, "c": 2, "d": 1}
PARTS = dict(zip(LENGTHS, ("train", "train", "val", "test")))


def utterance(name: str, part: str) -> LabelledUtterance:
    clip = Clip(name, 0, part, Path(name), Path(name))
    return LabelledUtterance(clip, "", ord(name) / 100, {"audio": -0.5, "visual": 0.5})


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    """Return the features of four clips: step l of clip x is l in every feature."""
    found = FeatureCache(tmp_path / "extracted")
    for name, length in LENGTHS.items():
        steps = np.arange(length, dtype=np.float32)[:, None]
        found.put("audio", name, "key", np.repeat(steps, 4, axis=1))
    return found


def store(cache: FeatureCache, parts: dict[str, str] = PARTS) -> FeatureStore:
    rows = [utterance(name, part) for name, part in reversed(parts.items())]
    return assemble(cache.directory.parent / "store", rows, cache, ["audio"], {"name": "toy"})


def test_a_store_holds_the_clips_sorted_and_padded(cache: FeatureCache) -> None:
    train = store(cache).split("train")
    assert train.ids == ["a", "b"]
    np.testing.assert_allclose(train.targets, [0.97, 0.98])
    assert train.lengths["audio"].tolist() == [3, 5]
    assert train.arrays["audio"][:, :, 0].tolist() == [[0, 1, 2, 0, 0], [0, 1, 2, 3, 4]]


def test_scores_of_modalities_that_are_not_there_are_left_out(cache: FeatureCache) -> None:
    assert store(cache).labelled_modalities == ("audio",)


def test_all_splits_have_room_for_the_same_steps(cache: FeatureCache) -> None:
    found = store(cache)
    assert {found.split(part).arrays["audio"].shape[1] for part in SPLITS} == {5}


def test_the_fingerprint_follows_the_contents(cache: FeatureCache) -> None:
    first = store(cache).fingerprint
    assert store(cache).fingerprint == first
    cache.put("audio", "d", "key", np.ones((1, 4), np.float32))
    assert store(cache).fingerprint != first


def test_nothing_but_the_store_is_left(cache: FeatureCache, tmp_path: Path) -> None:
    store(cache)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["extracted", "store"]
    assert [path.name for path in cache.directory.iterdir()] == ["audio"]


@pytest.mark.parametrize(
    ("lengths", "expected"), [([10] * 99 + [200], 68), ([3, 4, 5], 5), ([1], 1)]
)
def test_the_common_length_leaves_out_the_few_longest(lengths: list[int], expected: int) -> None:
    assert common_length(np.array(lengths)) == expected


def test_what_was_made_otherwise_is_not_replaced(cache: FeatureCache, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "store.json").write_text('{"layout": 1}')
    with pytest.raises(UserError, match="was not made by `snnmm extract`; accepted is another"):
        store(cache)


def test_an_empty_split_is_named(cache: FeatureCache) -> None:
    with pytest.raises(UserError, match="no readable clip is in the split 'val'"):
        store(cache, {"a": "train", "d": "test"})


def test_clips_of_different_width_are_named(cache: FeatureCache) -> None:
    cache.put("audio", "c", "key", np.zeros((2, 5), np.float32))
    with pytest.raises(UserError, match="audio of clip 'c' has 5 features, that of 'd' 4"):
        store(cache)
