"""Features of one video: the seconds that are read, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from datamodules.music_avqa.features import FeatureFolder
from snn_mm.errors import UserError
from tests.datamodules.avqa_files import AUDIO_SHAPE, VISUAL_SHAPE, write_array

SHAPE = (60, 4, 3, 3)


@pytest.fixture
def folder(tmp_path: Path) -> FeatureFolder:
    return FeatureFolder(tmp_path, SHAPE)


def ramp() -> np.ndarray:
    return np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)


@pytest.mark.parametrize("suffix", [".npy", ".h5"])
def test_every_sixth_second_is_read_from_the_first_on(folder: FeatureFolder, suffix: str) -> None:
    write_array(folder.directory / f"a{suffix}", ramp())
    steps = folder.steps("a", 6)
    assert torch.equal(steps, torch.from_numpy(ramp()[[0, 6, 12, 18, 24, 30, 36, 42, 48, 54]]))
    assert torch.equal(folder.step("a", 7), torch.from_numpy(ramp()[7]))


def test_half_precision_is_read_as_float32(folder: FeatureFolder) -> None:
    write_array(folder.directory / "a.npy", np.ones(SHAPE, np.float16))
    assert folder.steps("a", 6).dtype == torch.float32


def test_files_of_the_real_shape_are_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    maps = np.lib.format.open_memmap(path, "w+", np.float32, VISUAL_SHAPE)  # sparse: all zeros
    maps[6] = 1
    del maps
    steps = FeatureFolder(tmp_path, VISUAL_SHAPE).steps("a", 6)
    assert steps.shape == (10, 512, 14, 14)
    assert steps.flatten(1).mean(1).tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_missing_features_are_named_and_counted(folder: FeatureFolder) -> None:
    write_array(folder.directory / "b.npy", ramp())
    with pytest.raises(UserError, match=r"a\.npy \(or \.h5\) is missing\n.*1 of 3 videos"):
        folder.require(["c", "b", "a", "a"])


def test_hidden_files_are_none_and_of_two_the_array_counts(folder: FeatureFolder) -> None:
    write_array(folder.directory / "a.npy", ramp())
    (folder.directory / "a.npy").rename(folder.directory / "a.NPY")
    write_array(folder.directory / "a.h5", ramp() + 1)
    (folder.directory / "._a.npy").touch()
    with pytest.warns(UserWarning, match=r"1 clips have several files; .*\(a\.NPY of 2\)"):
        assert torch.equal(folder.step("a", 7), torch.from_numpy(ramp()[7]))


def test_a_link_to_nothing_is_a_missing_file(folder: FeatureFolder) -> None:
    (folder.directory / "a.npy").symlink_to(folder.directory / "gone.npy")
    with pytest.raises(UserError, match=r"a\.npy \(or \.h5\) is missing"):
        folder.require(["a"])


def test_bytes_that_are_no_array_are_not_called_a_pickle(folder: FeatureFolder) -> None:
    (folder.directory / "a.npy").write_bytes(b"garbage, and longer than a magic string")
    with pytest.raises(UserError, match=r"a\.npy can't be read: the magic string"):
        folder.steps("a", 6)


def test_a_missing_folder_is_named_with_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"feats: no such directory.*each \[60, 128\]"):
        FeatureFolder(tmp_path / "feats", AUDIO_SHAPE).require(["a"])


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.zeros((1, *SHAPE), np.float32), r"\[1, 60, 4, 3, 3\] of float32"),
        (np.zeros((10, *SHAPE[1:]), np.float32), r"\[10, 4, 3, 3\] of float32"),
        (np.zeros(SHAPE, np.int64), r"\[60, 4, 3, 3\] of int64"),
    ],
)
def test_another_shape_or_type_is_named_with_the_file(
    folder: FeatureFolder, values: np.ndarray, found: str
) -> None:
    write_array(folder.directory / "a.npy", values)
    with pytest.raises(UserError, match=rf"a\.npy holds {found}; accepted is \[60, 4, 3, 3\]"):
        folder.steps("a", 6)


@pytest.mark.parametrize("suffix", [".npy", ".h5"])
@pytest.mark.parametrize("kept", [0, 60, 1500])
def test_a_file_that_was_cut_off_is_named(folder: FeatureFolder, suffix: str, kept: int) -> None:
    path = folder.directory / f"a{suffix}"
    write_array(path, ramp())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=rf"a\{suffix} can't be read"):
        folder.steps("a", 6)


def test_an_hdf5_file_without_the_data_set_is_named(folder: FeatureFolder) -> None:
    with h5py.File(folder.directory / "a.h5", "w") as file:
        file["maps"] = ramp()
    with pytest.raises(
        UserError, match=r"a\.h5 has no data set 'features'; it has maps\naccepted: features"
    ):
        folder.step("a", 0)


def test_an_array_of_objects_is_not_unpickled(folder: FeatureFolder) -> None:
    np.save(folder.directory / "a.npy", np.array([{}], dtype=object))
    with pytest.raises(UserError, match=r"a\.npy can't be read"):
        folder.steps("a", 6)


def test_the_digest_tells_other_features_and_other_videos(tmp_path: Path) -> None:
    def digest(value: float, *videos: str) -> str:
        for video in ("a", "b"):
            write_array(tmp_path / f"{video}.npy", np.full(SHAPE, value, np.float32))
        return FeatureFolder(tmp_path, SHAPE).digest(videos)

    assert digest(1, "a", "b") == digest(1, "b", "a", "a")
    assert len({digest(1, "a", "b"), digest(2, "a", "b"), digest(1, "a")}) == 3
