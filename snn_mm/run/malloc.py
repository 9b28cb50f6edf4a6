"""Keeps the C library from handing large blocks back to the kernel between training steps."""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST = 2**31 - 1


def keep_large_blocks() -> bool:
    """Let glibc reuse large blocks instead of returning them; tell whether that was possible.

    A training step on the CPU allocates and frees the same activations again and again. By default
    glibc maps each large one anew, and the kernel clears its pages anew: a sixth of the time of a
    spiking ResNet-18 step (`benchmarks/train_step.py`). The price is that memory once used stays
    with the process. Other C libraries are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST) and mallopt(M_TRIM_THRESHOLD, LARGEST))
