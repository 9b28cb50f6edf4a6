"""A SHA-256 within each checkpoint: weights with a flipped bit load as well as any others.

It stands in the comment of the ZIP archive that a checkpoint is, where every reader passes over it.
Beside the file it could be left behind by a copy, or be another file's after a kill between the two
writes; within, it is as whole as the file.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO

import torch

from snn_mm.errors import UserError

ARCHIVE, END = b"PK\x03\x04", b"PK\x05\x06"
END_BYTES = 22
"""Size of the record that ends an archive without a comment; its last two hold the comment's."""

MARK = b"sha256:"
COMMENT_BYTES = len(MARK) + 2 * hashlib.sha256().digest_size
BLOCK_BYTES = 1 << 20


class HashedFile:
    """A file that is written from its beginning to its end, and the digest of what was.

    Args:
        file: opened to be written.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.sha = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write a part."""
        self.sha.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self.file.flush()


def save_with_digest(checkpoint: dict[str, Any], file: BinaryIO) -> None:
    """Save a checkpoint, and its digest in the comment of the archive."""
    hashed: Any = HashedFile(file)
    torch.save(checkpoint, hashed)
    file.seek(-2, os.SEEK_END)
    file.write(comment(hashed.sha.hexdigest()))


def check_digest(path: Path) -> None:
    """Compare a checkpoint with its digest; one of an earlier version has none.

    Raises:
        UserError: its contents are not those that were saved.
    """
    if not path.is_file():
        return  # a pipe would be waited for
    try:
        with path.open("rb") as file:
            is_whole = not has_digest(file) or is_as_saved(file)
    except OSError:
        return  # who reads it says what is wrong
    if not is_whole:
        raise UserError(
            f"{path} is damaged: its contents are not those that were saved (SHA-256)\n"
            "accepted: a whole copy of it, or another checkpoint"
        )


def has_digest(file: BinaryIO) -> bool:
    """Whether a file ends in a digest, or is an archive with an end that no version has written."""
    is_archive = file.read(len(ARCHIVE)) == ARCHIVE
    file.seek(max(0, file.seek(0, os.SEEK_END) - COMMENT_BYTES))
    end = file.read()
    bare = end[-END_BYTES:]
    is_bare = bare.startswith(END) and bare.endswith(b"\0\0")
    return end.startswith(MARK) or (is_archive and len(bare) == END_BYTES and not is_bare)


def is_as_saved(file: BinaryIO) -> bool:
    """Whether an archive ends in the digest of what it was before the comment was added."""
    left = file.seek(0, os.SEEK_END) - COMMENT_BYTES - 2
    file.seek(0)
    sha = hashlib.sha256()
    while left > 0 and (block := file.read(min(left, BLOCK_BYTES))):
        sha.update(block)
        left -= len(block)
    sha.update(b"\0\0")
    return file.read() == comment(sha.hexdigest())


def comment(digest: str) -> bytes:
    """What follows the end of the archive: the length of the comment, and the comment."""
    return COMMENT_BYTES.to_bytes(2, "little") + MARK + digest.encode()
