"""The three dictionaries of AV-CIL must agree, and what does not is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av_cil_data
import pytest

from datamodules.av_cil.lists import BY_CLASS, BY_ID, ENCODE, read_lists
from snn_mm.errors import UserError


class Evil:
    """Would run a command if it were unpickled."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit",))


def test_lists_name_the_class_of_each_id(folder: Path) -> None:
    lists = read_lists(folder)
    assert lists.class_names == av_cil_data.NAMES
    expected = {i: k for k, ids in av_cil_data.by_class()["val"].items() for i in ids}
    assert lists.labelled["val"] == expected


def changed(**splits: dict[int, list[str]]) -> dict[str, dict[int, list[str]]]:
    content = av_cil_data.by_class()
    return {part: {**content[part], **splits.get(part, {})} for part in content}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (ENCODE, {"Cat": 0, "Clock": 2}, "2 classes are not numbered 0 to 1"),
        (ENCODE, {}, "not numbered"),
        (ENCODE, {"Cat": Evil()}, "which was not run"),
        (BY_CLASS, {"train": {}, "val": {}}, "no dictionary 'test'"),
        (BY_CLASS, changed(train={9: ["x"]}), "'train' has the class 9; accepted .* 0 to 3"),
        (BY_CLASS, changed(val={0: ["-val1_0"]}), "'-val1_0' is in 'val' twice"),
        (BY_CLASS, changed(test={1: ["new"]}), r"'-test1_0' of 'test' is .*\(4 ids differ\)"),
        (BY_ID, {"train": {}, "val": {}, "test": {}}, r"'-train0_0' of 'train' is of class None"),
    ],
)
def test_what_does_not_fit_is_named(folder: Path, file: str, content: Any, message: str) -> None:
    av_cil_data.save(folder / file, content)
    with pytest.raises(UserError, match=message):
        read_lists(folder)


def test_an_id_in_two_splits_is_named(folder: Path) -> None:
    shared = {"train": ["a"], "val": ["a"], "test": ["b"]}
    av_cil_data.save(folder / BY_CLASS, {part: {0: ids} for part, ids in shared.items()})
    by_id = {part: dict.fromkeys(ids, av_cil_data.NAMES[0]) for part, ids in shared.items()}
    av_cil_data.save(folder / BY_ID, by_id)
    with pytest.raises(UserError, match="'a' is in 'train' and in 'val'"):
        read_lists(folder)


def test_of_a_missing_file_key_and_origin_are_named(folder: Path) -> None:
    (folder / ENCODE).unlink()
    (folder / BY_ID).unlink()
    wanted = rf"data.data_dir .*data.root.* has no {ENCODE}, {BY_ID}\naccepted: .*github.com/weiguo"
    with pytest.raises(UserError, match=wanted):
        read_lists(folder)
