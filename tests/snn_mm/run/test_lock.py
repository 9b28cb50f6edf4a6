import subprocess
import sys
from pathlib import Path

import pytest

from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory
from snn_mm.run.lock import RunLock

HOLD = """
import sys, time
from pathlib import Path
from snn_mm.run.directory import RunDirectory
from snn_mm.run.lock import RunLock
lock = RunLock(RunDirectory(Path(sys.argv[1])))
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_directory_belongs_to_one_process_until_it_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        lock = RunLock(RunDirectory(tmp_path))
        with pytest.raises(UserError, match="in use"):
            lock.acquire()
        assert not lock.is_free()
        holder.kill()
    assert lock.is_free()
