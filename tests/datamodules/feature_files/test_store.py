"""A store holds what it was given, cleaned, and takes the place of another only as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from datamodules.feature_files import writer
from datamodules.feature_files.store import SPLITS, STORE, FeatureStore, SplitContent, write_store
from datamodules.feature_files.writer import Replacements
from snn_mm.errors import UserError

Contents = dict[str, SplitContent]


@pytest.fixture
def contents() -> Contents:
    """Three splits whose arrays are in other types and orders than the store's."""
    rng = np.random.default_rng(0)

    def make(samples: int) -> SplitContent:
        text = np.asfortranarray(rng.normal(size=(samples, 4, 3)) * [1, 50, 0] + [0, 1e4, 7])
        audio = rng.integers(-9, 9, (samples, 6, 2)).astype(">i2")
        lengths = {"text": np.full(samples, 3), "audio": np.arange(samples) % 6 + 1}
        ids = [f"{samples}-{row}" for row in range(samples)]
        return SplitContent({"text": text, "audio": audio}, lengths, rng.normal(size=samples), ids)

    return {name: make(samples) for name, samples in zip(SPLITS, (9, 4, 5))}


@pytest.fixture
def made(contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    """A store written in blocks of two rows."""
    monkeypatch.setattr(writer, "BLOCK_BYTES", 200)
    write_store(tmp_path / "store", contents, {"file": "x"})
    return FeatureStore(tmp_path / "store")


def test_sequences_come_back_mapped_with_zeros_for_padding(
    made: FeatureStore, contents: Contents
) -> None:
    for name, given in contents.items():
        for modality, array in made.split(name).arrays.items():
            assert isinstance(array, np.memmap)
            assert array.dtype == np.float32
            for row, length in enumerate(given.lengths[modality]):
                kept = given.arrays[modality][row, :length].astype(np.float32)
                np.testing.assert_array_equal(array[row, :length], kept)
                assert not array[row, length:].any()


def test_statistics_are_those_of_the_valid_steps_of_training(
    made: FeatureStore, contents: Contents
) -> None:
    train = contents["train"]
    for modality, (mean, deviation) in made.statistics.items():
        pairs = zip(train.arrays[modality], train.lengths[modality])
        steps = np.concatenate([x[:length] for x, length in pairs]).astype(np.float64)
        np.testing.assert_allclose(mean, steps.mean(axis=0), rtol=1e-6)
        expected = np.where(steps.std(axis=0) == 0, 1, steps.std(axis=0))
        np.testing.assert_allclose(deviation, expected, rtol=1e-5)


def test_broken_values_and_empty_sequences_are_replaced_and_counted(
    contents: Contents, tmp_path: Path
) -> None:
    text = contents["val"].arrays["text"]
    text[0, :, 0] = [-np.inf, np.nan, 1e300, np.nan]  # the last step is padding
    text[1, 0, 1] = np.inf
    contents["val"].lengths["text"][2] = 0
    reports = write_store(tmp_path / "store", contents, {})
    assert reports["val/text"] == Replacements(nonfinite=4, empty=1)
    assert reports["val/audio"] == reports["train/text"] == Replacements(0, 0)
    store = FeatureStore(tmp_path / "store")
    split = store.split("val")
    assert split.lengths["text"].tolist() == [3, 3, 1, 3]
    assert not split.arrays["text"][0, :, 0].any()
    assert not split.arrays["text"][2].any()


def test_the_fingerprint_depends_on_values_labels_and_lengths(
    made: FeatureStore, contents: Contents, tmp_path: Path
) -> None:
    prints = {made.fingerprint}
    write_store(tmp_path / "same", contents, {"file": "other"})
    assert FeatureStore(tmp_path / "same").fingerprint in prints
    changes = (
        contents["test"].arrays["audio"][0],
        contents["val"].targets,
        contents["val"].lengths["audio"],
    )
    for array in changes:
        array[0] += 1
        write_store(tmp_path / "other", contents, {})
        prints.add(FeatureStore(tmp_path / "other").fingerprint)
    assert len(prints) == 4


def test_an_interrupted_write_leaves_the_old_store(
    made: FeatureStore, contents: Contents, tmp_path: Path
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_store(made.directory, contents, {}, interrupt)
    assert FeatureStore(made.directory).fingerprint == made.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_what_was_mapped_stays_when_the_store_is_replaced(
    made: FeatureStore, contents: Contents
) -> None:
    array = made.split("train").arrays["text"]
    before = array.copy()
    contents["train"].arrays["text"][:] = 0
    write_store(made.directory, contents, {})
    np.testing.assert_array_equal(array, before)
    assert not FeatureStore(made.directory).split("train").arrays["text"].any()


def test_a_damaged_store_is_refused_by_name(made: FeatureStore, tmp_path: Path) -> None:
    manifest = made.directory / "store.json"
    whole = manifest.read_text()
    stored = json.loads(whole)
    manifest.write_text(json.dumps({**stored, "layout": 0}))
    with pytest.raises(UserError, match="store has layout 0; accepted is 1"):
        FeatureStore(made.directory)
    manifest.write_text("{")
    with pytest.raises(UserError, match=r"store\.json is no valid JSON"):
        FeatureStore(made.directory)
    manifest.write_text(whole)
    (made.directory / "val_text.npy").unlink()
    with pytest.raises(UserError, match=r"val_text.npy is missing"):
        FeatureStore(made.directory).split("val")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file.* can't be written: .*\n.*root"):
        write_store(tmp_path / "file" / "store", {}, {})


def test_the_fingerprint_is_that_of_earlier_releases(tmp_path: Path) -> None:
    values, lengths = np.arange(12.0).reshape(2, 3, 2), np.array([3, 1])
    parts = {
        name: SplitContent(
            {"audio": values}, {"audio": lengths}, np.array([0.5, -1]), [f"{name}a", f"{name}b"]
        )
        for name in SPLITS
    }
    write_store(tmp_path / "store", parts, {"file": "x"})
    fingerprint = FeatureStore(tmp_path / "store").fingerprint
    assert fingerprint == "222de373db2979fb79d1d6b2ec354a32e98a4b69017591466a964245e103e91f"


@pytest.mark.parametrize("name", ["test_audio.npy", "store.json"])
def test_a_flipped_bit_is_named_when_the_store_is_opened(made: FeatureStore, name: str) -> None:
    path = made.directory / name
    path.write_bytes(path.read_bytes().replace(b"9-0", b"9-1") if name == STORE else flipped(path))
    with pytest.raises(UserError, match=rf"damaged \({name}, bytes 0 to"):
        FeatureStore(made.directory)


def flipped(path: Path) -> bytes:
    return path.read_bytes()[:-1] + b"\x01"
