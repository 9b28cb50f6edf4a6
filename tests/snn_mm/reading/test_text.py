"""Text and tables: what damage does is said with file and line."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from snn_mm.errors import UserError
from snn_mm.reading.text import naming, numbered_rows, read_bytes, read_rows, read_text


def test_a_byte_that_is_no_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\nb\n\xe9t\xe9\n")
    with pytest.raises(UserError, match=r"a\.txt:3: no text in UTF-8 \(byte 0xe9\)"):
        read_text(tmp_path / "a.txt")


def test_a_mark_in_front_is_left_out_and_line_ends_stay(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa\r\n")
    assert read_text(tmp_path / "a.txt") == "a\r\n"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for ever
    for name, message in (("pipe", "no file"), (".", "no file"), ("none", "can't be read")):
        with pytest.raises(UserError, match=message):
            read_bytes(tmp_path / name)


def test_a_file_larger_than_its_kind_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    with pytest.raises(UserError, match="5 bytes; accepted are 4 "):
        read_bytes(tmp_path / "a", most=4)


def test_rows_have_the_lines_that_they_end_in(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('x,y\n\n1,"2\n3"\ncut')
    path = tmp_path / "a.csv"
    assert list(numbered_rows(path)) == [(1, ["x", "y"]), (4, ["1", "2\n3"]), (5, ["cut"])]
    assert list(read_rows(path, ["y"], whole=True)) == [["x", "y"], ["1", "2\n3"]]
    with pytest.raises(UserError, match=r"a\.csv: no column 'z'"):
        list(read_rows(path, ["z"]))


def test_a_cell_of_a_megabyte_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "y" * 10**6 + "\n")
    with pytest.raises(UserError, match=r"a\.csv:2: no table with commas \(field larger"):
        list(read_rows(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("ids"), "a is damaged: no 'ids'"),
        (OSError(28, "No space left"), "a is damaged: No space left"),
        (MemoryError(), "a is damaged: MemoryError"),
        (ValueError("x\n" * 1000), "a is damaged: x x"),
    ],
)
def test_any_error_becomes_one_line_of_the_file(error: Exception, said: str) -> None:
    with pytest.raises(UserError) as caught, naming(Path("a"), "is damaged", "do this"):
        raise error
    first, then = str(caught.value).split("\n")
    assert first.startswith(said)
    assert len(first) < 250
    assert then == "do this"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 ours


def test_a_users_error_passes_as_it_is() -> None:
    with pytest.raises(UserError, match=r"^mine$"), naming(Path("a"), "is damaged"):
        raise UserError("mine")
