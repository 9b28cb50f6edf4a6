"""Damages files as disks, transfers, other programs and ill will do, by a seed."""

from __future__ import annotations

import random
import re

NUMBERS = (b"0", b"-1", b"99999999999999999999", b"1e999", b"nan", b"1.5", b"4294967295", b"")
WORDS = (
    b"null", b"[]", b"{}", b'"x"', b"true", b"[[[[", b"&a [*a]", b"*a", b"\xff\xfe", b"\x00", b"\n",
    b",", b":", b'"', b"../../x", b"!!python/object:os.system x", b"<<", b"- - -", b"\r\n", b"[" * 5000,
    b"x" * 200_000,
)  # fmt: skip
FIELDS = (
    0,
    1,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 40,
    (1 << 63) - 1,
)
_NUMBER = re.compile(rb"\d+(\.\d+)?")
_WORD = re.compile(rb'"[^"\n]*"|[A-Za-z_]\w*')


def mutated(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A file with one to four kinds of damage.

    Args:
        data: what is damaged.
        others: files of the same format, of which parts may come in.
        rng: decides everything.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        data = rng.choice(KINDS)(data, others, rng)
    return data


def flip(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Some bits the other way."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8)) if data else 0):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def flip_early(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Bits of the header, which decides most."""
    head = flip(data[:256], others, rng)
    return head + data[256:]


def cut(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """An end that never reached the disk."""
    return data[: rng.randrange(len(data) + 1)]


def insert(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Bytes, or a word that means something somewhere, in between."""
    at = rng.randrange(len(data) + 1)
    new = rng.choice(WORDS) if rng.random() < 0.7 else rng.randbytes(rng.randrange(1, 64))
    return data[:at] + new + data[at:]


def drop(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A block that is gone."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(1, 200) :]


def repeat(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A block twice, or often."""
    at = rng.randrange(len(data) + 1)
    block = data[at : at + rng.randrange(1, 200)]
    return data[:at] + block * rng.choice((2, 2, 100)) + data[at + len(block) :]


def splice(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """The beginning of one file and the end of another."""
    other = rng.choice(others)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def zero(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A block of the disk that was never written."""
    at, size = rng.randrange(len(data) + 1), rng.randrange(1, 512)
    return data[:at] + bytes(min(size, len(data) - at)) + data[at + size :]


def field(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A size, an offset or a count in binary, at its largest or least."""
    size = rng.choice((1, 2, 4, 8))
    if len(data) < size:
        return data
    at = rng.randrange(len(data) - size + 1) // size * size
    value = rng.choice(FIELDS) & ((1 << 8 * size) - 1)
    return data[:at] + value.to_bytes(size, rng.choice(("little", "big"))) + data[at + size :]


def number(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A number in text that is another."""
    return _replaced(data, _NUMBER, rng.choice(NUMBERS), rng)


def word(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A word in text that is another."""
    return _replaced(data, _WORD, rng.choice(WORDS), rng)


def _replaced(data: bytes, kind: re.Pattern[bytes], new: bytes, rng: random.Random) -> bytes:
    found = [match.span() for match in kind.finditer(data[: 1 << 16])]
    if not found:
        return data
    begin, end = rng.choice(found)
    return data[:begin] + new + data[end:]


KINDS = (
    flip,
    flip_early,
    cut,
    insert,
    drop,
    repeat,
    splice,
    zero,
    field,
    number,
    number,
    word,
    word,
)
