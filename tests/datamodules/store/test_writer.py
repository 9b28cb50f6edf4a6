"""Writing: what was cut short is written again, and the fingerprint tells what counts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from datamodules.store.clip import Clip, DecodedClip
from datamodules.store.journal import describe_source
from datamodules.store.store import FRAME_DATA, JOURNAL, SOUND_DATA, ClipStore
from datamodules.store.writer import ClipStoreWriter

MakeClip = Callable[..., Clip]
OPTIONS = {"jpeg_quality": 95, "frames_per_second": 1.0}
NAMES = ("a", "b", "c")


def contents(clip: Clip, shift: int = 0) -> DecodedClip:
    number = ord(clip.id) - 90 + shift
    sound, frames = np.arange(number, dtype=np.int16), [bytes([number]) * number] * 3
    return DecodedClip(8000, sound, frames, describe_source(clip))


def write(
    directory: Path,
    clips: Iterable[Clip],
    class_names: Iterable[str] = ("x", "y"),
    options: dict[str, object] = OPTIONS,
    shift: int = 0,
) -> str:
    """Write what is not there yet, finish, and return the fingerprint."""
    directory.mkdir(exist_ok=True)
    clips = list(clips)
    with ClipStoreWriter(directory, options) as writer:
        for clip in clips:
            if not writer.has(clip):
                writer.add(clip, contents(clip, shift))
        return writer.finish(clips, list(class_names), {"unreadable": 0})


def test_order_of_writing_does_not_count(tmp_path: Path, clip: MakeClip) -> None:
    clips = [clip(name) for name in NAMES]
    assert write(tmp_path / "1", clips) == write(tmp_path / "2", reversed(clips))
    assert ClipStore(tmp_path / "1").ids == ClipStore(tmp_path / "2").ids


def test_place_of_the_source_does_not_count(tmp_path: Path, clip: MakeClip) -> None:
    elsewhere = [clip(name, Path("elsewhere")) for name in NAMES]
    assert write(tmp_path / "1", map(clip, NAMES)) == write(tmp_path / "2", elsewhere)


@pytest.mark.parametrize(
    "change",
    [
        {"class_names": ("x", "z")},
        {"options": {**OPTIONS, "jpeg_quality": 90}},
        {"shift": 1},
    ],
    ids=str,
)
def test_what_counts_changes_the_fingerprint(
    change: dict[str, object], tmp_path: Path, clip: MakeClip
) -> None:
    clips = [clip(name) for name in NAMES]
    assert write(tmp_path / "1", clips) != write(tmp_path / "2", clips, **change)


@pytest.mark.parametrize("change", [{"label": 1}, {"part": "test"}], ids=str)
def test_labels_and_parts_count_without_decoding_again(
    change: dict[str, object], tmp_path: Path, clip: MakeClip
) -> None:
    before = write(tmp_path / "1", [clip("a"), clip("b")])
    # Had `a` been written again, it would be longer.
    after = write(tmp_path / "1", [clip("a", **change), clip("b")], shift=1)
    assert before != after
    assert len(ClipStore(tmp_path / "1").wave(0)) == len(contents(clip("a")).sound)


def unfinished(directory: Path, clips: list[Clip]) -> None:
    directory.mkdir()
    with ClipStoreWriter(directory, OPTIONS) as writer:
        for clip in clips:
            writer.add(clip, contents(clip))


@pytest.mark.parametrize("name", [JOURNAL, SOUND_DATA, FRAME_DATA])
@pytest.mark.parametrize("cut", [1, 20, 10_000])
def test_any_file_may_have_lost_its_end(
    name: str, cut: int, tmp_path: Path, clip: MakeClip
) -> None:
    clips = [clip(each) for each in NAMES]
    unfinished(tmp_path / "1", clips)
    path = tmp_path / "1" / name
    path.write_bytes(path.read_bytes()[:-cut])
    assert write(tmp_path / "1", clips) == write(tmp_path / "2", clips)
    assert [len(ClipStore(tmp_path / "1").wave(row)) for row in range(3)] == [7, 8, 9]


@pytest.mark.parametrize("name", [JOURNAL, SOUND_DATA, FRAME_DATA])
def test_half_written_data_are_cut_off(name: str, tmp_path: Path, clip: MakeClip) -> None:
    clips = [clip(each) for each in NAMES]
    unfinished(tmp_path / "1", clips)
    with (tmp_path / "1" / name).open("ab") as file:
        file.write(b'{"id": "d", "sou')
    assert write(tmp_path / "1", clips) == write(tmp_path / "2", clips)
    for each in (SOUND_DATA, FRAME_DATA):
        assert (tmp_path / "1" / each).read_bytes() == (tmp_path / "2" / each).read_bytes()


def test_bytes_that_never_reached_the_disk_are_written_again(
    tmp_path: Path, clip: MakeClip
) -> None:
    clips = [clip(each) for each in NAMES]
    unfinished(tmp_path / "1", clips)
    path = tmp_path / "1" / SOUND_DATA
    path.write_bytes(bytes(path.stat().st_size))  # what a crashed machine leaves
    write(tmp_path / "1", clips)
    store = ClipStore(tmp_path / "1")
    assert [store.wave(row)[-1] * 32768 for row in range(3)] == [6, 7, 8]


def test_a_clip_whose_file_changed_is_not_taken_for_the_old(tmp_path: Path, clip: MakeClip) -> None:
    file = tmp_path / "film"
    file.write_bytes(b"12")
    unfinished(tmp_path / "1", [clip("a", file)])
    with ClipStoreWriter(tmp_path / "1", OPTIONS) as writer:
        assert writer.has(clip("a", file))
        shutil.copystat(__file__, file)
        assert writer.has(clip("a", file))
        file.write_bytes(b"34")
        assert not writer.has(clip("a", file))
        file.write_bytes(b"123")
        assert not writer.has(clip("a", file))
        assert not writer.has(clip("a", file, end=2.0))


def test_a_reader_outlives_an_update_with_other_options(tmp_path: Path, clip: MakeClip) -> None:
    write(tmp_path / "1", [clip("a")])
    store = ClipStore(tmp_path / "1")
    before = store.wave(0)
    write(tmp_path / "1", [clip("a")], options={"jpeg_quality": 1}, shift=5)
    np.testing.assert_array_equal(store.wave(0), before)


def test_bytes_and_fingerprint_are_those_of_earlier_releases(
    clip: Callable[..., Clip], tmp_path: Path
) -> None:
    sound = np.arange(5, dtype=np.int16)
    with ClipStoreWriter(tmp_path, {"short_side": 20}) as writer:
        writer.add(clip("a"), DecodedClip(8000, sound, [b"one", b"three"], "source"))
        assert writer.finish([clip("a")], ["k"], {"unreadable": 0}) == "2c2de4d1142aa5bb"
    assert (tmp_path / JOURNAL).read_text() == (
        '{"layout":1,"options":{"short_side":20}}\n'
        '{"digest":"2855c0f6a35f87a28b568b7a24ff2649d12a0699b9008fa9571ad7e08e1c5395",'
        '"frame_bytes":[3,5],"frames_at":0,"id":"a","sample_rate":8000,"samples":5,"sound_at":0,'
        '"source":"source"}\n'
    )
