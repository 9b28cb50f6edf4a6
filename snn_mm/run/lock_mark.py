"""An exclusive file in place of a lock, with its owner's host, process and heartbeat."""

from __future__ import annotations

import json
import os
import secrets
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from snn_mm.reading.json_files import read_json

BEAT_SECONDS = 15.0
SILENT_SECONDS = 120.0
"""After so long without a beat an owner on another machine counts as dead."""

Owner = dict[str, Any]


class Mark:
    """`FILE.held`: exists while someone holds `FILE`.

    Whether an owner on this machine lives is seen from its process; of one elsewhere, from the date
    of the file, which a thread of the owner renews. Dates are compared with that of a new file on
    the same file system: clocks of machines differ.

    Args:
        path: the file that is held.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.held")
        self._owner: Owner = {}
        self._creator = os.getpid()
        self._ended = threading.Event()

    def take(self) -> bool:
        """Create it, in the place of a dead owner's if there is one; whether that succeeded."""
        for _ in range(2):
            if _create(self.path):
                self.name_owner(os.getpid())
                threading.Thread(target=self._beat, daemon=True).start()
                return True
            if self._lives(read_json(self.path)) or not self._retire():
                return False
        return False

    def name_owner(self, pid: int) -> None:
        """Write whose it is."""
        self._owner = {**describe_process(pid), "token": secrets.token_hex(8)}
        self.path.write_text(json.dumps(self._owner))

    def remove(self) -> None:
        """Remove it, if it is still this object's, and not that of the process it was forked of."""
        self._ended.set()
        if self._creator == os.getpid() and read_json(self.path) == self._owner:
            self.path.unlink(missing_ok=True)

    def is_alive(self) -> bool:
        """Whether there is one whose owner lives."""
        return self.path.exists() and self._lives(read_json(self.path))

    def describe(self) -> str:
        """Who the owner is, as the rest of a sentence; empty if there is none."""
        owner, silent = read_json(self.path), _silence(self.path)
        if silent is None:
            return ""
        who = f"process {owner.get('pid', '?')} on {owner.get('host', '?')}"
        return f"\n{who}, heard of {silent:.0f} s ago; if it is dead, remove {self.path}"

    def _lives(self, owner: Owner) -> bool:
        here = describe_process(os.getpid())
        if owner and all(owner.get(key) == here[key] for key in ("host", "boot", "namespace")):
            return is_running(owner)
        silent = _silence(self.path)
        return silent is not None and silent < SILENT_SECONDS

    def _retire(self) -> bool:
        """Take a dead owner's away; False if someone else is about to.

        Who looks and who removes must be one at a time: else a second one, who had seen the dead
        owner too, would remove the mark of the first.
        """
        guard = self.path.with_name(f"{self.path.name}.retiring")
        if not _create(guard):
            if (_silence(guard) or 0) > SILENT_SECONDS:  # its maker died within these lines
                guard.unlink(missing_ok=True)
            return False
        try:
            is_dead = not self._lives(read_json(self.path))
            if is_dead:
                self.path.unlink(missing_ok=True)
            return is_dead
        finally:
            guard.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                os.utime(self.path)
            except OSError:
                return


def _create(path: Path) -> bool:
    """Create an empty file; False if it is there."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        return False
    return True


def _silence(path: Path) -> float | None:
    """Seconds since a file was written or touched; None without one."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as now:
            return os.fstat(now.fileno()).st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError:  # who may only read has to trust the clock of this machine
        return time.time() - path.stat().st_mtime


def describe_process(pid: int) -> Owner:
    """What tells a process apart from any other, at any time on any machine."""
    return {
        "host": socket.gethostname(),
        "boot": _content(Path("/proc/sys/kernel/random/boot_id")),
        "namespace": pid_namespace(),
        "pid": pid,
        "started": _status(pid)[1],
    }


def is_running(owner: Owner) -> bool:
    """Whether a process of this machine lives: it, and not another with its number."""
    pid = owner.get("pid")
    state, started = _status(pid) if isinstance(pid, int) else ("", "")
    return state not in ("", "Z", "X") and started == owner.get("started")


def started_at(pid: int) -> float | None:
    """When a process of this machine started, in seconds of the clock; None if none lives."""
    state, ticks = _status(pid)
    if state in ("", "Z", "X"):
        return None
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - since_boot + int(ticks) / os.sysconf("SC_CLK_TCK")


def pid_namespace() -> str:
    """Within what process ids are unique on this machine; empty where nothing tells."""
    return _link(Path("/proc/self/ns/pid"))


def _status(pid: int) -> tuple[str, str]:
    """State of a process and when it started; empty if there is none."""
    words = _content(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return (words[0], words[19]) if len(words) > 19 else ("", "")


def _content(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()  # a process may be called anything
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
