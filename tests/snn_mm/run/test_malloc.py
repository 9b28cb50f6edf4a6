from __future__ import annotations

import platform
import resource
import subprocess
import sys

import pytest

from snn_mm.run.malloc import keep_large_blocks

ALLOCATE = """
import resource, sys
from snn_mm.run.malloc import keep_large_blocks
if sys.argv[1] == "keep":
    assert keep_large_blocks()
for _ in range(20):
    b"x" * int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


SIZE = 64_000_000


def page_faults(mode: str) -> int:
    command = [sys.executable, "-c", ALLOCATE, mode, str(SIZE)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt belongs to glibc")
def test_blocks_freed_once_are_used_again_without_new_pages() -> None:
    """Twenty blocks of 64 MB: one set of pages if blocks are kept, twenty if they are not."""
    pages = SIZE // resource.getpagesize()
    assert page_faults("default") - page_faults("keep") > 5 * pages


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("musl", "1.2"))
    assert not keep_large_blocks()
