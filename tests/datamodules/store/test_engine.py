"""Preparing: the same outcome whatever happens on the way."""

from __future__ import annotations

import csv
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import folder_data
import numpy as np
import pytest

from datamodules.store.clip import Clip, DecodeOptions
from datamodules.store.engine import PrepareRequest, check_clips, prepare
from datamodules.store.processing import UNREADABLE
from datamodules.store.store import JOURNAL, SOUND_DATA, STORE, ClipStore
from datamodules.store.writer import ClipStoreWriter
from snn_mm.errors import UserError
from snn_mm.run.lock import lock_file

WriteClip = Callable[..., Path]


def unreadable(directory: Path) -> dict[str, str]:
    with (directory / UNREADABLE).open() as file:
        return {row["clip"]: row["reason"] for row in csv.DictReader(file, delimiter="\t")}


def start(source: Path, directory: Path, share: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, folder_data.__file__, str(source), str(directory), "2", str(share)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def kill_amid(child: subprocess.Popen[str], journal: Path, lines: int) -> None:
    """Kill a process as soon as the journal has so many lines, or it has ended."""
    while child.poll() is None:
        if journal.is_file() and journal.read_bytes().count(b"\n") >= lines:
            break
        time.sleep(0.001)
    time.sleep(random.random() * 0.02)  # noqa: S311
    child.kill()
    child.wait()


def group_is_gone(group: int, patience: float = 10.0) -> bool:
    """Whether every process of a group ends."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def kill_and_start_again(source: Path, directory: Path, kills: int, share: float = 0.0) -> str:
    """Kill each start further on; return the fingerprint of the one that is let be."""
    count = len(folder_data.find(source))
    done: list[bytes] = []
    for kill in range(kills):
        child = start(source, directory, share)
        kill_amid(child, directory / JOURNAL, 1 + (kill + 1) * count // (kills + 2))
        assert kill > kills // 2 or child.returncode == -signal.SIGKILL
        lines = (directory / JOURNAL).read_bytes().splitlines()
        assert lines[: len(done)] == done  # what is prepared is never prepared again
        done = lines[:-1]
        assert group_is_gone(child.pid)
    output, _ = start(source, directory, share).communicate(timeout=60)
    return output


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_it_ends_as_if_undisturbed(kills: int, folder: Path, tmp_path: Path) -> None:
    expected = folder_data.run(folder, tmp_path / "calm").store
    assert kill_and_start_again(folder, tmp_path / "killed", kills) == expected.fingerprint
    store = ClipStore(tmp_path / "killed")
    for row in range(len(expected)):
        np.testing.assert_array_equal(store.wave(row), expected.wave(row))
        np.testing.assert_array_equal(store.frame(row, 2), expected.frame(row, 2))


@pytest.mark.real_data
@pytest.mark.slow
def test_real_clips_killed_ten_times(real_clips: Path, tmp_path: Path) -> None:
    source = tmp_path / "clips"
    source.mkdir()
    for path in real_clips.iterdir():
        if path.suffix != ".tsv":
            (source / path.name).symlink_to(path)
    film = next(path for path in source.iterdir() if path.suffix == ".mp4")
    (source / "cut.mp4").write_bytes(film.read_bytes()[:-1000])
    (source / "empty.wav").write_bytes(b"")
    (source / "text.mp4").write_text("This is not a film.\n" * 20)
    calm = folder_data.run(source, tmp_path / "calm", workers=2, max_unreadable=0.2)
    killed = kill_and_start_again(source, tmp_path / "killed", 10, share=0.2)
    assert killed == calm.store.fingerprint
    assert set(unreadable(tmp_path / "killed")) == {"cut.mp4", "empty.wav", "text.mp4"}
    assert len(calm.store) == 16


def test_the_number_of_workers_does_not_count(folder: Path, tmp_path: Path) -> None:
    stores = [folder_data.run(folder, tmp_path / str(n), workers=n).store for n in (1, 3)]
    assert stores[0].fingerprint == stores[1].fingerprint
    assert stores[0].ids == stores[1].ids == [clip.id for clip in folder_data.find(folder)]
    assert stores[0].parts == [clip.part for clip in folder_data.find(folder)]


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    """Return a folder of twelve clips and three that can't be read."""
    source = tmp_path / "damaged"
    source.mkdir()
    for path in folder.iterdir():
        (source / path.name).symlink_to(path)
    (source / "cut.mp4").write_bytes((folder / "00.mp4").read_bytes()[:-500])
    (source / "empty.wav").write_bytes(b"")
    (source / "text.mp4").write_text("This is not a film.\n" * 20)
    return source


def test_unreadable_clips_are_listed_and_the_rest_prepared(damaged: Path, tmp_path: Path) -> None:
    store = folder_data.run(damaged, tmp_path / "out", workers=2, max_unreadable=0.2).store
    reasons = unreadable(tmp_path / "out")
    assert list(reasons) == ["cut.mp4", "empty.wav", "text.mp4"]
    assert reasons["empty.wav"] == "empty.wav is empty"
    assert (len(store), store.unreadable) == (12, 3)
    assert set(store.ids).isdisjoint(reasons)


def test_too_many_stop_it_and_what_is_prepared_stays(damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"of 15 clips can't be read, more than") as stopped:
        folder_data.run(damaged, out, max_unreadable=0.1)
    assert str(out / UNREADABLE) in str(stopped.value)
    assert len(str(stopped.value).splitlines()) <= 5
    kept = (out / JOURNAL).read_bytes().count(b"\n") - 1
    outcome = folder_data.run(damaged, out, max_unreadable=0.2)
    assert outcome.decoded == 12 - kept


def test_finished_is_finished(folder: Path, tmp_path: Path) -> None:
    assert folder_data.run(folder, tmp_path).decoded == 12
    before = (tmp_path / STORE).stat().st_mtime_ns
    assert folder_data.run(folder, tmp_path).decoded == 0
    assert (tmp_path / STORE).stat().st_mtime_ns == before


def test_changes_are_named_and_update_brings_them_in(damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = folder_data.run(damaged, out, max_unreadable=0.2).store.fingerprint
    (damaged / "text.mp4").unlink()
    (damaged / "text.mp4").symlink_to((damaged / "01.avi").resolve())
    (damaged / "04.mp4").unlink()
    with pytest.raises(UserError) as refused:
        folder_data.run(damaged, out, max_unreadable=0.2)
    assert "1 clips gone (first: 04.mp4)" in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 5
    outcome = folder_data.run(damaged, out, max_unreadable=0.2, update=True)
    assert (outcome.decoded, len(outcome.store)) == (1, 12)
    assert outcome.store.fingerprint != before


@pytest.fixture
def two_films(tmp_path: Path, write_clip: WriteClip) -> Path:
    """Return a folder of two films, and of a third beside it that is as large as the first."""
    for name, tone in (("films/a.avi", 300), ("films/b.avi", 310), ("c.avi", 320)):
        write_clip(tmp_path / name, 0.5, tone=tone)
    sizes = {path.stat().st_size for path in tmp_path.rglob("*.avi")}
    assert len(sizes) == 1
    return tmp_path / "films"


def replace(path: Path, other: Path, time: int | None = None) -> None:
    """Replace the content of a file, with a newer time of modification or the one given."""
    newer = path.stat().st_mtime_ns + 10**9
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(0, newer if time is None else time))


def test_a_replaced_film_of_equal_size_is_prepared_again(two_films: Path, tmp_path: Path) -> None:
    out, film, other = tmp_path / "out", two_films / "a.avi", tmp_path / "c.avi"
    before = folder_data.run(two_films, out).store.fingerprint
    replace(film, film)  # a copy, say: newer, and the same
    assert folder_data.run(two_films, out, verify=True).decoded == 0
    old = film.read_bytes()
    replace(film, other)
    with pytest.raises(UserError, match=r"something else: 1 clips changed \(first: a\.avi\)\.\n"):
        folder_data.run(two_films, out)
    outcome = folder_data.run(two_films, out, update=True)
    assert outcome.decoded == 1
    assert outcome.store.fingerprint != before
    other.write_bytes(old)
    replace(film, other, film.stat().st_mtime_ns)  # only a look at the contents tells
    assert folder_data.run(two_films, out).decoded == 0
    with pytest.raises(UserError, match=r"1 clips changed"):
        folder_data.run(two_films, out, verify=True)
    outcome = folder_data.run(two_films, out, update=True, verify=True)
    assert (outcome.decoded, outcome.store.fingerprint) == (1, before)


def test_a_mended_film_of_equal_size_is_noticed(two_films: Path, tmp_path: Path) -> None:
    out, film = tmp_path / "out", two_films / "a.avi"
    film.write_bytes(bytes(film.stat().st_size))
    assert folder_data.run(two_films, out, max_unreadable=0.5).store.unreadable == 1
    assert folder_data.run(two_films, out, max_unreadable=0.5).decoded == 0
    replace(film, tmp_path / "c.avi")
    with pytest.raises(UserError, match=r"1 clips changed \(first: a\.avi\)"):
        folder_data.run(two_films, out)
    outcome = folder_data.run(two_films, out, update=True)
    assert (outcome.decoded, outcome.store.unreadable) == (1, 0)


def test_another_option_is_named(folder: Path, tmp_path: Path) -> None:
    folder_data.run(folder, tmp_path)
    faster = DecodeOptions(frames_per_second=5.0)
    with pytest.raises(UserError, match=r"frames_per_second was 1\.0 and is now 5\.0"):
        folder_data.run(folder, tmp_path, decoding=faster)
    store = folder_data.run(folder, tmp_path, decoding=faster, update=True).store
    assert store.frame_count(0) == 5


def test_update_mends_damage(folder: Path, tmp_path: Path) -> None:
    before = folder_data.run(folder, tmp_path).store.fingerprint
    data = bytearray((tmp_path / "sound.bin").read_bytes())
    data[1000] ^= 255
    (tmp_path / "sound.bin").write_bytes(data)
    outcome = folder_data.run(folder, tmp_path, update=True)
    assert (outcome.decoded, outcome.store.fingerprint) == (1, before)


def test_two_at_a_time_are_refused(folder: Path, tmp_path: Path) -> None:
    # The lock is one between processes: another one has to hold it.
    code = "import sys, time; from pathlib import Path; from snn_mm.run.lock import lock_file\n"
    code += "held = lock_file(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="is being prepared by another process"):
            folder_data.run(folder, tmp_path)
        holder.send_signal(signal.SIGKILL)
    assert folder_data.run(folder, tmp_path).decoded == 12
    assert lock_file(tmp_path / ".lock")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_directory_that_cannot_be_written(
    number: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(ClipStoreWriter, "add", add)
        with pytest.raises(UserError, match=rf"can't be written: {os.strerror(number)}"):
            folder_data.run(folder, tmp_path)
    assert folder_data.run(folder, tmp_path).decoded == 12


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([], "no clip was found"),
        ([("a", {}), ("a", {})], "two clips are called 'a'"),
        ([("a", {"label": 2})], "label 2 of clip 'a' is out of range: accepted are 0 to 1"),
        ([("a", {"part": "dev"})], "part 'dev' of clip 'a'"),
    ],
)
def test_what_a_finder_must_not_say(
    clips: list[tuple[str, dict[str, object]]], message: str, clip: Callable[..., Clip]
) -> None:
    with pytest.raises(UserError, match=message):
        check_clips([clip(name, **rest) for name, rest in clips], ["x", "y"])


def test_progress_counts_every_clip(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []
    request = PrepareRequest(folder_data.find(folder), folder_data.CLASS_NAMES, tmp_path)
    prepare(request, lambda *counts, **named: seen.append((*counts, *named.values())))
    assert seen == [(done, 12, 0) for done in range(13)]


def test_a_damaged_byte_is_found_on_opening_and_mended_by_an_update(
    folder: Path, tmp_path: Path
) -> None:
    calm = folder_data.run(folder, tmp_path / "made").store
    path = tmp_path / "made" / SOUND_DATA
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged \(sound\.bin, bytes 0 to"):
        ClipStore(tmp_path / "made")
    with pytest.raises(UserError, match=r"sound\.bin[\s\S]*--update"):
        folder_data.run(folder, tmp_path / "made", verify=True)
    mended = folder_data.run(folder, tmp_path / "made", update=True)
    assert mended.store.fingerprint == calm.fingerprint
    assert mended.decoded == 1
