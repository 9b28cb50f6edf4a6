"""A file that was replaced is told from one that was copied, whatever of the two is the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from datamodules.store.source import are_unchanged, record_files

OLD, NEW, LONG = b"1234", b"5678", b"56789"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "a.wav"
    file.write_bytes(OLD)
    os.utime(file, ns=(10**18, 10**18))
    return file


@pytest.mark.parametrize(
    ("content", "later", "verify", "unchanged"),
    [
        (OLD, 0, False, True),
        (OLD, 0, True, True),
        (OLD, 1, False, True),  # a copy
        (NEW, 1, False, False),
        (NEW, -1, False, False),  # an older one, from another place
        (NEW, 0, False, True),  # what nobody sees without looking into it
        (NEW, 0, True, False),
        (LONG, 0, False, False),
        (LONG, 1, True, False),
    ],
)
def test_size_and_time_are_compared_and_the_content_where_they_cannot_tell(
    content: bytes, later: int, verify: bool, unchanged: bool, path: Path
) -> None:
    record = record_files([path])
    path.write_bytes(content)
    os.utime(path, ns=(10**18, 10**18 + later))
    assert are_unchanged([path], record, verify) == unchanged


@pytest.mark.parametrize(("later", "unchanged"), [(0, True), (1, False)])
def test_without_known_content_the_time_decides(later: int, unchanged: bool, path: Path) -> None:
    record = record_files([path], content=False)
    os.utime(path, ns=(10**18, 10**18 + later))
    assert are_unchanged([path], record, verify=True) == unchanged


def test_a_moved_file_is_the_same_and_a_missing_one_is_another(path: Path) -> None:
    record, missing = record_files([path]), path.parent / "b.wav"
    shutil.move(path, missing)
    assert are_unchanged([missing], record)
    assert not are_unchanged([path], record)
    assert are_unchanged([path], record_files([path]))
    assert not are_unchanged([missing], record_files([path]))


@pytest.mark.parametrize("record", [None, "", [], [4, -1], [[4]], [None], [[4, 10**18, None]] * 2])
def test_what_is_no_record_of_the_files_is_of_others(record: object, path: Path) -> None:
    assert not are_unchanged([path], record)
