"""The prepared form: what was written comes back, in any process, or is refused by name."""

from __future__ import annotations

import copy
import io
import json
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.store.clip import Clip, DecodedClip
from datamodules.store.store import CLIPS, FRAME_DATA, SOUND_DATA, STORE, ClipStore
from datamodules.store.writer import ClipStoreWriter
from snn_mm.errors import UserError

CLASS_NAMES = ["no", "yes"]


def jpeg(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 30, 3), level, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def decoded(number: int) -> DecodedClip:
    """Return a clip whose every length depends on its number."""
    sound = np.arange(-number, 100 * number, dtype=np.int16)
    return DecodedClip(8000 + number, sound, [jpeg(10 * number + i) for i in range(number + 1)])


@pytest.fixture
def store(tmp_path: Path, clip: Callable[..., Clip]) -> ClipStore:
    clips = [clip(f"clip{n}", label=n % 2, part=("train", "test", "")[n]) for n in (2, 0, 1)]
    directory = tmp_path / "prepared" / "toy"
    directory.mkdir(parents=True)
    with ClipStoreWriter(directory, {"short_side": 20}) as writer:
        for each in clips:
            writer.add(each, decoded(int(each.id[-1])))
        writer.finish(clips, CLASS_NAMES, {"unreadable": 4})
    return ClipStore(directory)


def test_what_was_written_comes_back_sorted(store: ClipStore) -> None:
    assert store.ids == ["clip0", "clip1", "clip2"]
    assert store.parts == ["train", "test", ""]
    assert store.labels.tolist() == [0, 1, 0]
    assert (len(store), store.class_names, store.unreadable) == (3, CLASS_NAMES, 4)
    for row in range(3):
        clip = decoded(row)
        assert store.sample_rate(row) == clip.sample_rate
        np.testing.assert_array_equal(store.wave(row) * 32768, clip.sound)
        assert store.frame_count(row) == row + 1
        for index, data in enumerate(clip.frames):
            expected = np.asarray(Image.open(io.BytesIO(data)))
            np.testing.assert_array_equal(store.frame(row, index), expected)


def test_dtypes(store: ClipStore) -> None:
    assert store.labels.dtype == np.int64
    assert store.wave(0).dtype == np.float32
    assert store.frame(0, 0).dtype == np.uint8


@pytest.mark.parametrize("index", [-1, 2])
def test_a_frame_that_is_not_there(index: int, store: ClipStore) -> None:
    with pytest.raises(IndexError, match="with 2 frames"):
        store.frame(1, index)


def check_all(store: ClipStore) -> None:
    for row in np.random.default_rng().permutation(600) % 3:
        assert np.array_equal(store.wave(row) * 32768, decoded(row).sound)
        assert abs(int(store.frame(row, row)[0, 0, 0]) - 11 * row) <= 2


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_share_a_store_that_is_open(method: str, store: ClipStore) -> None:
    check_all(store)
    context = multiprocessing.get_context(method)
    children = [context.Process(target=check_all, args=(store,)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]


def test_a_pickle_holds_no_data(store: ClipStore) -> None:
    check_all(store)
    assert len(pickle.dumps(store)) < 500
    check_all(copy.deepcopy(store))  # made by the methods that unpickling calls


def test_a_missing_store_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is missing") as refused:
        ClipStore(tmp_path / "prepared" / "crema_d")
    assert f"snnmm prepare crema_d --source DIR --root {tmp_path}" in str(refused.value)


def test_an_unfinished_store_is_refused(store: ClipStore) -> None:
    with (
        ClipStoreWriter(store.directory, {"short_side": 20}),
        pytest.raises(UserError, match="is not finished"),
    ):
        ClipStore(store.directory)


@pytest.mark.parametrize("name", [SOUND_DATA, FRAME_DATA, CLIPS, STORE])
def test_a_shorter_file_is_refused(name: str, store: ClipStore) -> None:
    path = store.directory / name
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(UserError, match="is damaged") as refused:
        ClipStore(store.directory)
    assert "--update" in str(refused.value)


def test_a_store_of_another_layout_is_refused(store: ClipStore) -> None:
    manifest = json.loads((store.directory / STORE).read_text())
    (store.directory / STORE).write_text(json.dumps({**manifest, "layout": 0}))
    with pytest.raises(UserError, match="layout 0 is not 1"):
        ClipStore(store.directory)
