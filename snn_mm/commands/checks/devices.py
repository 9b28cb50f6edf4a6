"""Processor, memory and GPUs, asked of the system itself."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from snn_mm.commands.checks.result import Check, fail, info, ok, warn
from snn_mm.run.processor import instruction_sets, missing_instructions

GIB = 2**30
CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
CUDA_ERROR_NO_DEVICE = 100


class Gpu(NamedTuple):
    """A CUDA device: its name and its memory in bytes."""

    name: str
    memory: int


def check_devices() -> Iterator[Check]:
    """Report what there is to compute with."""
    yield info("cpu", f"{usable_cores()} usable of {os.cpu_count()} cores")
    yield info("16-bit on the cpu", fast_precisions(instruction_sets()))
    yield info("memory", _memory())
    yield from check_cuda(_load_driver())


def fast_precisions(there: list[str]) -> str:
    """Which precisions of 16 bits a processor has instructions for.

    Args:
        there: its instruction sets; none where they are unknown.
    """
    if not there:
        return "unknown: this system does not say what its processor can do"
    precisions = ("bf16-mixed", "16-mixed")
    fast = [name for name in precisions if not missing_instructions(name, there)]
    slow = [name for name in precisions if name not in fast]
    said = [f"instructions for {' and '.join(fast)}"] if fast else []
    said += [f"none for {' and '.join(slow)}: no faster than 32-true"] if slow else []
    return ", ".join(said)


def usable_cores() -> int:
    """Return the cores this process may run on, as a scheduler or container allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, cgroup_cores(CGROUP_QUOTA))


def cgroup_cores(quota: Path) -> int:
    """Return the cores a container's quota amounts to, rounded up.

    Args:
        quota: a file that holds microseconds of processor time and the period they are for, such
            as `150000 100000`, or `max` where there is no limit.
    """
    try:
        allowed, period = quota.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return sys.maxsize
    return sys.maxsize if allowed == "max" else -(-int(allowed) // int(period))


def check_cuda(driver: ctypes.CDLL | None) -> Iterator[Check]:
    """Report the GPUs, and whether the installed torch fits their driver.

    Args:
        driver: the CUDA driver library, None where there is none.
    """
    if driver is None:
        yield info("cuda", "no NVIDIA driver: training runs on the CPU")
        return
    code = driver.cuInit(0)
    if code == CUDA_ERROR_NO_DEVICE:
        yield info("cuda", "an NVIDIA driver, but no GPU that this process may see")
        return
    if code:
        yield warn("cuda", f"the NVIDIA driver is here but does not start (error {code})")
        return
    for index, gpu in enumerate(gpus(driver)):
        yield ok(f"cuda:{index}", f"{gpu.name}, {gpu.memory / GIB:.0f} GiB")
    yield from _driver_fits(driver_version(driver), torch_cuda())


def gpus(driver: ctypes.CDLL) -> list[Gpu]:
    """Ask an initialised driver for its devices."""
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    found = []
    for index in range(count.value):
        device, name, memory = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_size_t()
        driver.cuDeviceGet(ctypes.byref(device), index)
        driver.cuDeviceGetName(name, len(name), device)
        driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
        found.append(Gpu(name.value.decode(), memory.value))
    return found


def driver_version(driver: ctypes.CDLL) -> tuple[int, int]:
    """Return the newest CUDA version the driver can run."""
    number = ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(number))
    return number.value // 1000, number.value % 1000 // 10


def torch_cuda() -> str | None:
    """Return the CUDA version torch was built for, read from its `version.py` without importing."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).with_name("version.py")
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    found = re.search(r"^cuda\b[^=]*=\s*'([\d.]+)'", text, re.MULTILINE)
    return found[1] if found else None


def _driver_fits(driver: tuple[int, int], built_for: str | None) -> Iterator[Check]:
    """Compare major versions: within one, CUDA runs newer builds on older drivers."""
    name = f"{driver[0]}.{driver[1]}"
    if built_for is None:
        yield warn("cuda", f"driver runs CUDA {name}, but this torch is built without CUDA")
    elif int(built_for.split(".")[0]) > driver[0]:
        yield fail("cuda", f"driver runs CUDA {name}, torch is built for {built_for}: update it")
    else:
        yield ok("cuda", f"driver runs CUDA {name}, torch is built for {built_for}")


def _load_driver() -> ctypes.CDLL | None:
    for library in ("libcuda.so.1", "nvcuda.dll"):
        try:
            return ctypes.CDLL(library)
        except OSError:
            continue
    return None


def _memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    available = _available_memory()
    free = "" if available is None else f"{available / GIB:.1f} GiB available of "
    return f"{free}{total / GIB:.1f} GiB"


def _available_memory() -> int | None:
    """Return the bytes that could be had without swapping, where the kernel tells."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else None
