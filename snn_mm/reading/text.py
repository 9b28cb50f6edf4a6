"""Bytes, text and tables of files that anyone may have written or damaged."""

from __future__ import annotations

import csv
import io
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from snn_mm.errors import UserError

LARGEST = 1 << 28
"""Bytes of the largest file that is read as a whole; the longest list known has a tenth."""


@contextmanager
def naming(path: Path, what: str, then: str = "") -> Iterator[None]:
    """Turn whatever error damaged content makes in the block into one that names the file.

    This is the one rule for outside data: parsers raise errors of a dozen kinds for it, and new
    versions of them new kinds.

    Args:
        path: the file.
        what: what is the matter with it, such as `is no valid JSON`.
        then: a second line, of what to do.

    Raises:
        UserError: the block failed.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        more = f"\n{then}" if then else ""
        raise UserError(f"{path} {what}: {reason(error)}{more}") from error


def reason(error: Exception) -> str:
    """What an error of a parser says, in one line of at most 200 characters."""
    said = getattr(error, "strerror", None) or str(error)
    if isinstance(error, KeyError):
        said = f"no {said[:100]}"
    said = re.sub(r" ?<[^<>]* object at 0x[0-9a-f]+>", "", said)  # Pillow's name of a buffer
    return " ".join(said.split())[:200] or type(error).__name__


def readable(name: str) -> str:
    """A file's name as text that can be printed and written, whatever bytes it has.

    Example:
        >>> readable(bytes([99, 97, 102, 233]).decode(errors="surrogateescape"))
        'caf�'
    """
    return name.encode(errors="surrogateescape").decode(errors="replace")


def check_regular(path: Path) -> int:
    """The size of a file in bytes; what is no file, such as a pipe that never ends, is refused.

    Raises:
        UserError: it is missing, out of reach, or no file.
    """
    with naming(path, "can't be read"):
        status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: no file")
    return status.st_size


def read_bytes(path: Path, most: int = LARGEST) -> bytes:
    """The content of a file.

    Raises:
        UserError: it can't be read, or is larger than `most` bytes.
    """
    size = check_regular(path)
    if size > most:
        raise UserError(f"{path}: {size:,} bytes; accepted are {most:,} for a file of its kind")
    with naming(path, "can't be read"):
        return path.read_bytes()


def read_text(path: Path, most: int = LARGEST) -> str:
    """The content of a file in UTF-8, its line ends as they are, without a mark in front.

    Raises:
        UserError: it can't be read, is too large, or no UTF-8; names the line.
    """
    content = read_bytes(path, most)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise UserError(f"{path}:{line}: no text in UTF-8 (byte 0x{byte:02x})") from None


def read_rows(path: Path, needed: Sequence[str] = (), whole: bool = False) -> Iterator[list[str]]:
    """The rows of `numbered_rows` without the numbers."""
    return (row for _, row in numbered_rows(path, needed, whole))


def numbered_rows(
    path: Path, needed: Sequence[str] = (), whole: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with commas, its header among them, without empty ones, and their lines.

    Args:
        path: the file.
        needed: columns that its first row must name.
        whole: leave out a last line without an end, which a kill has cut short.

    Raises:
        UserError: no text, a cell of 128 kB or more, or no such column; names line or column.
    """
    text = read_text(path)
    lines = text[: text.rfind("\n") + 1] if whole else text
    rows = csv.reader(io.StringIO(lines, newline=""))
    is_first = True
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise UserError(f"{path}:{rows.line_num}: no table with commas ({error})") from None
        if row is None:
            return
        if row and is_first and (missing := [name for name in needed if name not in row]):
            raise UserError(f"{path}: no column '{missing[0]}' in its first line")
        is_first = is_first and not row
        if row:
            yield rows.line_num, row
