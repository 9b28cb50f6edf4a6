"""ClassIncremental reads AV-CIL's folders array by array, and names what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import av_cil_data
import h5py
import numpy as np
import pytest
import torch
from av_cil_data import AUDIO_DIM, VISUAL_SHAPE, make

from datamodules.av_cil.module import AUDIO, BENCHMARKS, VISUAL_H5, VISUAL_NPY, ClassIncremental
from datamodules.av_cil.split import FeatureSplit
from datamodules.base import SPLITS, LoaderOptions
from datamodules.split import Draw
from snn_mm.errors import UserError

COUNTS = {"ave": (3294, 391, 394), "ks": (19220, 1947, 1958), "vs100": (51195, 5000, 5000)}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(("form", "dtype"), [("h5", "f4"), ("h5", "f2"), ("npy", "f4")])
def test_every_sample_has_the_features_of_its_id(
    tmp_path: Path, form: str, dtype: str, workers: int
) -> None:
    data = make(av_cil_data.write(tmp_path, form, dtype), loader=LoaderOptions(3, workers))
    audio = av_cil_data.features((AUDIO_DIM,), dtype)
    visual = av_cil_data.features(VISUAL_SHAPE, dtype)
    for loader in (data.train_dataloader(), data.test_dataloader()):
        for batch in loader:
            assert batch["inputs"]["visual"].dtype == torch.float32
            for row, key in enumerate(batch["id"]):
                assert int(key.split("_")[0][-1]) == batch["target"][row]
                assert np.array_equal(batch["inputs"]["audio"][row], audio[key].astype("f4"))
                assert np.array_equal(batch["inputs"]["visual"][row], visual[key].astype("f4"))


def test_tasks_are_in_ascending_order_of_the_encoded_classes(folder: Path) -> None:
    data = make(folder)
    assert tuple(data.class_names) == av_cil_data.NAMES
    assert data.split("train").labels.tolist() == [k for k in range(4) for _ in range(5)]
    assert [len(data.split(name)) for name in SPLITS] == [20, 8, 12]


def test_a_batch_is_read_into_place_and_not_copied(folder: Path) -> None:
    split = make(folder).split("train")
    samples = split.__getitems__([Draw(0, 4), Draw(0, 2)])
    batch = ClassIncremental.collate(samples)
    assert batch["inputs"]["visual"].data_ptr() == samples[0].inputs["visual"].data_ptr()
    swapped = ClassIncremental.collate(samples[::-1])["inputs"]["visual"]
    assert torch.equal(swapped, batch["inputs"]["visual"].flip(0))
    assert torch.equal(split[2].inputs["audio"], batch["inputs"]["audio"][1])


def test_files_are_closed_and_opened_again(folder: Path) -> None:
    data = make(folder)
    first = data.split("val")[0].inputs["visual"]
    for _ in range(2):
        data.teardown("fit")
        h5py.File(folder / VISUAL_H5, "a").close()  # refused while the file is open for reading
        assert torch.equal(data.split("val")[0].inputs["visual"], first)


def test_a_forked_reader_opens_the_file_itself(folder: Path) -> None:
    split = make(folder).split("val")
    assert isinstance(split, FeatureSplit)
    split[0]
    handle, split.files["visual"]._owner = split.files["visual"]._file, os.getpid() + 1  # type: ignore[attr-defined]
    split[1]
    assert split.files["visual"]._file is not handle  # type: ignore[attr-defined]


def test_the_fingerprint_knows_the_features(folder: Path) -> None:
    before = make(folder).fingerprint()
    assert make(folder).fingerprint() == before
    with h5py.File(folder / VISUAL_H5, "a") as file:
        file["-test1_0"][0, 0] += 1
    assert make(folder).fingerprint() != before


def test_defaults_are_those_of_the_released_code() -> None:
    for name, benchmark in BENCHMARKS.items():
        data = ClassIncremental(dataset=name)
        assert (data.classes_per_task, data.memory) == benchmark[2:]
        assert ClassIncremental(dataset=name, protocol="joint").memory == 0
    with pytest.raises(UserError, match="dataset is 'us8k'; accepted: ave, ks, vs100"):
        ClassIncremental(dataset="us8k")


def test_missing_files_are_named(folder: Path) -> None:
    (folder / VISUAL_H5).unlink()
    with pytest.raises(UserError, match=r"visual_features.h5 is missing, and visual_pretrained_"):
        make(folder).setup("fit")
    (folder / AUDIO).unlink()
    with pytest.raises(UserError, match=r"audio_pretrained_feature_dict.npy is missing"):
        make(folder).setup("fit")
    with pytest.raises(UserError, match=r"elsewhere has no category_encode_dict.npy"):
        make(folder / "elsewhere").setup("fit")


def change_h5(folder: Path, key: str, array: Any) -> None:
    with h5py.File(folder / VISUAL_H5, "a") as file:
        del file[key]
        if array is not None:
            file[key] = array


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (None, r"visual_features.h5 has no features of '-train0_0': 1 of 20 ids of the 'train'"),
        (np.zeros((7, 5), "f4"), r"'-train0_0' is float32 of shape \[7, 5\].* shape \[8, 5\]"),
        (np.zeros(VISUAL_SHAPE, "i4"), r"'-train0_0' is int32"),
    ],
)
def test_a_wrong_visual_feature_is_named(folder: Path, array: Any, message: str) -> None:
    change_h5(folder, "-train0_0", array)
    with pytest.raises(UserError, match=message):
        make(folder).setup("fit")


def test_values_that_are_not_finite_are_named(folder: Path) -> None:
    change_h5(folder, "-train0_3", np.full(VISUAL_SHAPE, np.nan, "f4"))
    with pytest.raises(UserError, match=r"NaN or infinity in modality 'visual' of .*'-train0_3'"):
        make(folder).split("train")[3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"-train0_0": np.zeros(3)}, r"no features of '-train0_1': 19 of 20"),
        ({key: np.zeros(3) for key in av_cil_data.ids()}, r"shape \[3\].* shape \[6\]"),
        (dict.fromkeys(av_cil_data.ids(), 1.5), "'-train0_0' is no array but float"),
        ([1, 2], "array of int64, no dictionary"),
        (np.array([{}, {}]), "holds no dictionary but PickledArray"),
    ],
)
def test_a_wrong_audio_dictionary_is_named(folder: Path, content: Any, message: str) -> None:
    av_cil_data.save(folder / AUDIO, content)
    with pytest.raises(UserError, match=message):
        make(folder).setup("fit")


def test_damaged_files_are_named(folder: Path) -> None:
    whole = (folder / AUDIO).read_bytes()
    (folder / AUDIO).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"audio_pretrained_feature_dict.npy is cut off"):
        make(folder).setup("fit")
    (folder / AUDIO).write_bytes(whole)
    (folder / VISUAL_H5).write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"visual_features.h5 can't be read as HDF5"):
        make(folder).setup("fit")


def test_reading_much_needs_memory_for_a_batch_only(tmp_path: Path) -> None:
    """Sparse HDF5: 20 arrays of 4.8 MB, read whole twice."""
    folder = av_cil_data.write(tmp_path)
    with h5py.File(folder / VISUAL_H5, "w") as file:
        for key in av_cil_data.ids():
            file.create_dataset(key, (1568, 768), "f4")
    assert (folder / VISUAL_H5).stat().st_size < 1e6
    options = {"visual_shape": (1568, 768), "protocol": "joint", "memory": 0}
    data = make(folder, loader=LoaderOptions(4), **options)
    before, peak = resident(), 0
    for _ in range(2):
        for batch in data.train_dataloader():
            peak = max(peak, resident())
            del batch
    assert peak - before < 50e6  # two batches of 19 MB, not 96 MB


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_mapped_arrays_are_let_go_of(tmp_path: Path) -> None:
    folder = av_cil_data.write(tmp_path, "npy")
    arrays = {key: np.full((784, 768), i, np.float32) for i, key in enumerate(av_cil_data.ids())}
    av_cil_data.save(folder / VISUAL_NPY, arrays)
    data = make(folder, visual_shape=(784, 768))
    split, order = data.split("train"), list(arrays)
    before = resident()
    for row, key in enumerate(split.ids):
        assert split[row].inputs["visual"][0, 0] == order.index(key)
    assert resident() - before < 20e6


@pytest.mark.real_data
@pytest.mark.parametrize("name", list(COUNTS))
def test_the_official_lists_have_the_documented_counts(official_lists: Path, name: str) -> None:
    data = ClassIncremental(str(official_lists / "av_cil"), name)  # type: ignore[arg-type]
    lists = data.lists
    assert tuple(len(lists.labelled[part]) for part in SPLITS) == COUNTS[name]
    assert (data.num_classes, data.num_tasks) == {
        "ave": (28, 4),
        "ks": (30, 5),
        "vs100": (100, 10),
    }[name]
    first = {"ave": "Acoustic guitar", "ks": "playing drums", "vs100": "playing theremin"}
    assert lists.class_names[0] == first[name]
    assert "mowing lawn" not in lists.class_names
