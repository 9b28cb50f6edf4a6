"""One process at a time in a directory, whatever its file system knows of locks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.errors import UserError
from snn_mm.run import lock, lock_mark
from snn_mm.run.directory import RunDirectory, write_json
from snn_mm.run.lock import RunLock, lock_file, wait_for_file
from snn_mm.run.lock_mark import SILENT_SECONDS, Mark, describe_process

HOLD = """
import fcntl, os, sys, time
from pathlib import Path
from snn_mm.run.directory import RunDirectory
from snn_mm.run.lock import RunLock

def refuse(*_):
    raise OSError(int(sys.argv[2]), "no locks here")

if sys.argv[2] != "0":
    fcntl.lockf = refuse
lock = RunLock(RunDirectory(Path(sys.argv[1])))
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


pytestmark = pytest.mark.filterwarnings("ignore:.*this file system has no locks")


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have the kernel's locks fail, as on Lustre without `flock` or NFS with `nolock`."""

    def fail(code: int) -> None:
        def refuse(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(fcntl, "lockf", refuse)
        monkeypatch.setattr(fcntl, "flock", refuse)
        monkeypatch.setattr(lock, "_warned", set())

    return fail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".lock"


def leave_mark(path: Path, age: float, **owner: object) -> Path:
    """What another process left, so many seconds ago."""
    mark = path.with_name(".lock.held")
    mark.write_text(json.dumps({**describe_process(os.getpid()), **owner}))
    os.utime(mark, (time.time() - age,) * 2)
    return mark


@pytest.mark.parametrize("code", [0, *NO_LOCKS])
def test_a_directory_belongs_to_one_process_until_it_dies(
    code: int, tmp_path: Path, without_locks: Callable[[int], None]
) -> None:
    command = [sys.executable, "-W", "ignore", "-c", HOLD, str(tmp_path), str(code)]
    run = RunLock(RunDirectory(tmp_path))
    if code:
        without_locks(code)
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        named = rf"in use(?s:.*)process {holder.pid} on " if code else "in use"
        with pytest.raises(UserError, match=named):
            run.acquire()
        assert not run.is_free()
        holder.kill()
        holder.wait()
        assert run.is_free()
        run.acquire()
        run.release()
    assert not (tmp_path / ".lock.held").exists()


def test_a_run_whose_process_is_gone_is_called_stopped(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    write_json(run.results, {"status": "running"})
    assert RunLock(run).status() == "stopped"
    assert not (tmp_path / ".lock").exists(), "to ask is not to take"
    command = [sys.executable, "-c", HOLD, str(tmp_path), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert RunLock(run).status() == "running"
        holder.kill()
    assert RunLock(run).status() == "stopped"
    write_json(run.results, {"status": "failed"})
    assert RunLock(run).status() == "failed"


def test_a_run_that_cannot_be_asked_counts_as_running(tmp_path: Path) -> None:
    write_json(RunDirectory(tmp_path).results, {"status": "running"})
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")
    assert RunLock(RunDirectory(tmp_path)).status() == "running"


@pytest.mark.parametrize("code", NO_LOCKS)
def test_a_file_system_without_locks_is_told_once(
    code: int, tmp_path: Path, without_locks: Callable[[int], None]
) -> None:
    without_locks(code)
    with pytest.warns(UserWarning, match="this file system has no locks") as told:
        found = [lock_file(tmp_path / name) for name in ("a", "a", "b")]
    assert [held is None for held in found] == [False, True, False]
    assert len(told) == 1
    for held in found:
        if held is not None:
            held.close()
    assert not list(tmp_path.glob("*.held"))


def test_what_is_no_lack_of_locks_is_not_taken_for_another_process(
    path: Path, without_locks: Callable[[int], None]
) -> None:
    without_locks(errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        lock_file(path)


@pytest.mark.parametrize(
    ("owner", "age", "free"),
    [
        ({"host": "elsewhere"}, 5, False),
        ({"host": "elsewhere"}, SILENT_SECONDS + 5, True),
        ({"namespace": "pid:[1]"}, 5, False),  # a container of this machine
        ({}, SILENT_SECONDS + 5, False),  # this process lives, however silent it is
        ({"started": "1"}, 5, True),  # its number is another process's now
        ({"boot": "before"}, 5, False),
    ],
)
@pytest.mark.parametrize("kernel", [True, False])
def test_an_owner_is_dead_if_its_process_is_or_if_it_is_silent_elsewhere(
    owner: dict[str, str],
    age: float,
    free: bool,
    kernel: bool,
    path: Path,
    without_locks: Callable[[int], None],
) -> None:
    if not kernel:
        without_locks(errno.ENOSYS)
    leave_mark(path, age, **owner)
    held = lock_file(path)
    assert (held is not None) == free
    if held is not None:
        held.close()


def test_a_process_may_be_called_anything() -> None:
    name = Path("/proc/self/comm")
    before, called = describe_process(os.getpid()), name.read_bytes()
    try:
        name.write_bytes(b"\xff")
        assert describe_process(os.getpid()) == before
    finally:
        name.write_bytes(called.strip())


def test_an_owner_beats(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_mark, "BEAT_SECONDS", 0.01)
    mark = Mark(path)
    assert mark.take()
    os.utime(mark.path, (0, 0))
    deadline = time.monotonic() + 10
    while mark.path.stat().st_mtime == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert mark.path.stat().st_mtime > 0
    mark.remove()
    assert not mark.path.exists()


def test_what_belongs_to_another_is_not_removed(path: Path) -> None:
    mark = Mark(path)
    assert mark.take()
    mark._creator += 1  # as in a process that was forked of it
    mark.remove()
    assert mark.path.exists()
    leave_mark(path, 0, host="elsewhere")
    mark._creator = os.getpid()
    mark.remove()
    assert mark.path.exists()


def test_of_two_that_find_a_dead_owner_one_takes_its_place(path: Path) -> None:
    leave_mark(path, 5, started="1")
    first, second = Mark(path), Mark(path)
    assert first.take()
    assert not second._retire()  # had seen the dead one too, and comes late
    assert lock_mark.read_json(path.with_name(".lock.held")) == first._owner
    first.remove()


def test_one_at_a_time_removes_what_a_dead_owner_left(path: Path) -> None:
    found = leave_mark(path, 5, started="1")
    guard = path.with_name(".lock.held.retiring")
    guard.touch()
    assert not Mark(path).take()
    os.utime(guard, (0, 0))  # its maker died long ago
    assert not Mark(path).take()
    assert not guard.exists()
    assert found.exists()
    last = Mark(path)
    assert last.take()
    last.remove()


def test_a_mark_handed_on_lives_as_long_as_the_child(
    path: Path, without_locks: Callable[[int], None]
) -> None:
    without_locks(errno.ENOSYS)
    held = lock_file(path, fcntl.flock)
    assert held is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        held.hand_on(child.pid)
        assert lock_file(path, fcntl.flock) is None
        child.communicate(b"\n")
    again = lock_file(path, fcntl.flock)
    assert again is not None
    again.close()


@pytest.mark.parametrize("code", [0, errno.ENOLCK])
def test_who_waits_gets_the_file_when_it_is_given_back(
    code: int, path: Path, without_locks: Callable[[int], None]
) -> None:
    if code:
        without_locks(code)
    first = wait_for_file(path)
    threading.Timer(0.3, first.close).start()
    begin = time.monotonic()
    wait_for_file(path).close()
    assert time.monotonic() - begin > 0.2


def test_hdf5_files_are_opened_without_locks() -> None:
    """HDF5 locks what it reads, and fails where there are no locks."""
    root = Path(lock.__file__).parents[2]
    packages = ("snn_mm", "datamodules", "feature_makers")
    sources = (file for package in packages for file in (root / package).rglob("*.py"))
    calls = [
        line for file in sources for line in file.read_text().splitlines() if "h5py.File(" in line
    ]
    assert len(calls) >= 3
    assert all("locking=False" in line for line in calls)
