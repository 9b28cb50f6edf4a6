"""Prepared files tell damage: any when they are read whole, and small ones whenever opened."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from datamodules.store import digests
from datamodules.store.digests import DIGESTS, drawn, find_damage, write_digests

Damage = Callable[[int], None]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of 40 blocks of 16 bytes, the last of which is short."""
    monkeypatch.setattr(digests, "BLOCK_BYTES", 16)
    path = tmp_path / "sound.bin"
    path.write_bytes(random.Random(0).randbytes(39 * 16 + 3))  # noqa: S311
    write_digests(tmp_path)
    return path


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_files_as_they_were_written_have_no_damage(written: Path) -> None:
    assert find_damage(written.parent) is None
    assert find_damage(written.parent, whole=True) is None


@pytest.mark.parametrize("place", [0, 5 * 16, 17 * 16 + 9, 39 * 16 + 2])
def test_a_flipped_bit_is_found_and_its_block_named(written: Path, place: int) -> None:
    flip(written, place)
    begin = place - place % 16
    named = f"sound.bin, bytes {begin} to {begin + 16}"
    assert find_damage(written.parent, whole=True) == f"{named}: not those that were written"


@pytest.mark.parametrize("place", [3, 39 * 16])
def test_the_ends_of_a_large_file_are_looked_at_whenever_it_is_opened(
    written: Path, place: int
) -> None:
    flip(written, place)
    assert "sound.bin, bytes" in str(find_damage(written.parent))


def test_what_lies_between_is_found_by_opening_it_again(written: Path) -> None:
    flip(written, 20 * 16)
    looks = [
        find_damage(written.parent) for _ in range(100)
    ]  # 6 of 38 blocks each: all miss in 1 of 10**7
    assert None in looks
    assert any(looks)


def test_blocks_are_drawn_without_touching_the_generators_of_a_training() -> None:
    random.seed(7)
    state = random.getstate()
    for blocks in (0, 1, 8, 9, 1000):
        numbers = drawn(blocks)
        assert len(numbers) == len(set(numbers)) == min(blocks, 8)
        assert not blocks or {0, blocks - 1} <= set(numbers) <= set(range(blocks))
    assert random.getstate() == state


def test_what_is_missing_shorter_or_no_list_is_named(written: Path) -> None:
    content = written.read_bytes()
    written.write_bytes(content[:100])
    assert find_damage(written.parent) == "sound.bin has 7 blocks of 16 bytes, not 40"
    written.unlink()
    assert "sound.bin" in str(find_damage(written.parent))
    (written.parent / DIGESTS).write_text('{"files": 3')
    assert find_damage(written.parent) == f"{DIGESTS} can't be read"


def test_files_of_an_earlier_version_are_read_without_a_word(written: Path) -> None:
    (written.parent / DIGESTS).unlink()
    flip(written, 0)
    assert find_damage(written.parent, whole=True) is None
