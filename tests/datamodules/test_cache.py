"""Arrays are prepared once, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datamodules.cache import build_once, cache_path, open_arrays
from snn_mm.errors import UserError

ARRAYS = {"x": np.arange(6).reshape(2, 3), "name": np.array(["a", "bc"])}


def test_arrays_come_back_memory_mapped(tmp_path: Path) -> None:
    build_once(tmp_path / "made", lambda: ARRAYS)
    (tmp_path / "made" / "._x.npy").touch()  # as macOS leaves it on a foreign disk
    opened = open_arrays(tmp_path / "made")
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
    assert open_arrays(tmp_path / "made")["x"].tolist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_place_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(UserError, match=r"can't be written to .*file"):
        build_once(tmp_path / "file" / "made", lambda: ARRAYS)


def test_other_options_have_another_path() -> None:
    paths = {cache_path("root", "name", {"seed": seed}) for seed in (0, 0, 1)}
    assert len(paths) == 2


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    build_once(tmp_path / "made", lambda: ARRAYS)
    (tmp_path / "made" / "x.npy").write_bytes(b"\x93NUMPY cut off")
    with pytest.raises(UserError, match=r"x\.npy is damaged.*Delete"):
        open_arrays(tmp_path / "made")
