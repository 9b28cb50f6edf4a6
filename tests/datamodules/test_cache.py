"""Arrays are prepared once, whole or not at all."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from datamodules.cache import PreparedArrays, build_once, cache_path, packed, unpacked
from datamodules.sequences import SequenceSplit
from datamodules.split import Split
from datamodules.store.digests import DIGESTS
from snn_mm.errors import UserError

ARRAYS = {"x": np.arange(6).reshape(2, 3), "name": np.array(["a", "bc"])}


def test_arrays_come_back_memory_mapped(tmp_path: Path) -> None:
    build_once(tmp_path / "made", lambda: ARRAYS)
    (tmp_path / "made" / "._x.npy").touch()  # as macOS leaves it on a foreign disk
    opened = PreparedArrays(tmp_path / "made")
    assert isinstance(opened["x"], np.memmap)
    assert all(np.array_equal(opened[name], array) for name, array in ARRAYS.items())


def test_a_finished_build_is_not_repeated(tmp_path: Path) -> None:
    built: list[int] = []
    for _ in range(2):
        build_once(tmp_path / "made", lambda: built.append(1) or ARRAYS)
    assert built == [1]


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    broken = {"a": np.zeros(3), "b": np.array([object()])}
    with pytest.raises(ValueError, match="Object arrays"):
        build_once(tmp_path / "made", lambda: broken)
    assert list(tmp_path.iterdir()) == []


def test_of_two_builds_at_once_the_first_to_finish_stays(tmp_path: Path) -> None:
    def build_while_another_finishes() -> dict[str, np.ndarray]:
        build_once(tmp_path / "made", lambda: {"x": np.ones(1)})
        return {"x": np.zeros(1)}

    build_once(tmp_path / "made", build_while_another_finishes)
    assert PreparedArrays(tmp_path / "made")["x"].tolist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_place_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(UserError, match=r"file.made can't be written: .*\n.*root"):
        build_once(tmp_path / "file" / "made", lambda: ARRAYS)


def test_other_options_have_another_path() -> None:
    paths = {cache_path("root", "name", {"seed": seed}) for seed in (0, 0, 1)}
    assert len(paths) == 2


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    build_once(tmp_path / "made", lambda: ARRAYS)
    (tmp_path / "made" / "x.npy").write_bytes(b"\x93NUMPY cut off")
    with pytest.raises(UserError, match=r"(?s)x\.npy, bytes 0 to.*Delete"):
        PreparedArrays(tmp_path / "made")
    (tmp_path / "made" / DIGESTS).unlink()  # as an earlier version left it
    with pytest.raises(UserError, match=r"(?s)x\.npy can't be read.*Delete"):
        PreparedArrays(tmp_path / "made")


def mapped(folder: Path, shape: tuple[int, ...] = (2000, 4)) -> np.ndarray:
    """A file of the values 0, 1, ..., mapped as prepared arrays are."""
    build_once(folder / "made", lambda: {"audio": np.arange(np.prod(shape)).reshape(shape)})
    return PreparedArrays(folder / "made")["audio"]


def test_a_map_is_sent_as_its_place_and_mapped_again(tmp_path: Path) -> None:
    array = mapped(tmp_path)
    for part in (array, array[500:900], array[7], array.reshape(-1)[3:]):
        sent = pickle.dumps(packed({"audio": part}))
        assert len(sent) < 1000
        found = unpacked(pickle.loads(sent))["audio"]  # noqa: S301 - made here
        assert isinstance(found, np.memmap)
        assert not found.flags.writeable
        np.testing.assert_array_equal(found, part)


def test_what_is_no_plain_map_is_sent_as_it_is(tmp_path: Path) -> None:
    array = mapped(tmp_path)
    for part in (np.array(array), array[::2], array.T, array[:0], np.asarray(array)):
        assert packed({"audio": part})["audio"] is part


def test_a_map_whose_file_is_gone_is_named(tmp_path: Path) -> None:
    parts = packed({"audio": mapped(tmp_path)})
    (tmp_path / "made" / "audio.npy").unlink()
    with pytest.raises(UserError, match=r"audio\.npy can't be mapped again"):
        unpacked(parts)


@pytest.mark.parametrize("kind", ["samples", "sequences"])
def test_a_split_of_maps_goes_to_a_spawned_worker_without_its_values(
    tmp_path: Path, kind: str
) -> None:
    array = mapped(tmp_path, (500, 8, 4))
    ids, many = [f"{row}" for row in range(500)], np.arange(500)
    split: Any = Split.aligned({"audio": array}, many, ids)
    if kind == "sequences":
        split = SequenceSplit({"audio": array}, {"audio": many % 8 + 1}, many, ids)
    sent = pickle.dumps(split)
    assert len(sent) < array.nbytes / 4
    again = pickle.loads(sent)  # noqa: S301 - made here
    assert again.digest() == split.digest()
    assert torch.equal(again[77].inputs["audio"], split[77].inputs["audio"])


def test_an_array_that_is_missing_is_named(tmp_path: Path) -> None:
    build_once(tmp_path / "made", lambda: ARRAYS)
    (tmp_path / "made" / "x.npy").unlink()
    with pytest.raises(UserError, match=r"x\.npy is missing"):
        PreparedArrays(tmp_path / "made")
    (tmp_path / "made" / DIGESTS).unlink()  # as an earlier version left it
    opened = PreparedArrays(tmp_path / "made")
    assert opened["name"].tolist() == ["a", "bc"]
    with pytest.raises(UserError, match=r"made/x\.npy is missing. Delete .*made and run again"):
        opened["x"]


def split_of(array: np.ndarray, kind: str) -> Any:
    """A split of 500 recordings `[8, 4]`."""
    ids, many = [f"{row}" for row in range(500)], np.arange(500)
    if kind == "sequences":
        return SequenceSplit({"audio": array}, {"audio": many % 8 + 1}, many, ids)
    return Split.aligned({"audio": array[:500]}, many, ids)


@pytest.mark.parametrize("kind", ["samples", "sequences"])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_shrinks_while_it_is_mapped_is_named(
    tmp_path: Path, kind: str, workers: int
) -> None:
    """To read what is gone would end the process by SIGBUS."""
    split, path = split_of(mapped(tmp_path, (500, 8, 4)), kind), tmp_path / "made" / "audio.npy"
    loader = DataLoader(split, num_workers=workers, collate_fn=list)
    assert len(next(iter(loader))) == 1
    os.truncate(path, 4096)
    with pytest.raises(UserError, match=r"audio\.npy has become shorter .* 4096 bytes of 128128"):
        next(iter(loader))


def test_a_file_that_is_deleted_or_grows_while_it_is_mapped_is_read_on(tmp_path: Path) -> None:
    split, path = split_of(mapped(tmp_path, (500, 8, 4)), "samples"), tmp_path / "made/audio.npy"
    before = split[499].inputs["audio"]
    os.truncate(path, 200_000)
    path.unlink()
    assert torch.equal(split[499].inputs["audio"], before)


def test_a_flipped_bit_is_named_when_the_arrays_are_opened(tmp_path: Path) -> None:
    build_once(tmp_path / "made", lambda: ARRAYS)
    path = tmp_path / "made" / "x.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(UserError, match=r"x\.npy, bytes 0 to[\s\S]*Delete .*made and run again"):
        PreparedArrays(tmp_path / "made")
