"""Processor and GPUs, with a driver that is made up."""

# ruff: noqa: N802  (the made-up driver has the functions of the real one)

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, cast

import pytest

from snn_mm.commands.checks import devices
from snn_mm.commands.checks.result import Check, Status


class FakeDriver:
    """Answers as libcuda does: through pointers, with 0 for success."""

    def __init__(self, code: int = 0, names: tuple[bytes, ...] = (), version: int = 13000) -> None:
        self.code, self.names, self.version = code, names, version

    def cuInit(self, flags: int) -> int:
        return self.code

    def cuDeviceGetCount(self, count: Any) -> None:
        count._obj.value = len(self.names)

    def cuDeviceGet(self, device: Any, index: int) -> None:
        device._obj.value = index

    def cuDeviceGetName(self, buffer: Any, size: int, device: ctypes.c_int) -> None:
        buffer.value = self.names[device.value]

    def cuDeviceTotalMem_v2(self, memory: Any, device: ctypes.c_int) -> None:
        memory._obj.value = 80 * 2**30

    def cuDriverGetVersion(self, version: Any) -> None:
        version._obj.value = self.version


def check(driver: FakeDriver | None) -> list[Check]:
    return list(devices.check_cuda(cast("ctypes.CDLL | None", driver)))


@pytest.mark.parametrize(
    ("driver", "status"),
    [
        (None, Status.INFO),
        (FakeDriver(code=devices.CUDA_ERROR_NO_DEVICE), Status.INFO),
        (FakeDriver(code=999), Status.WARN),
    ],
)
def test_a_machine_without_usable_gpu_is_no_failure(
    driver: FakeDriver | None, status: Status
) -> None:
    assert [found.status for found in check(driver)] == [status]


def test_each_gpu_is_named_with_its_memory() -> None:
    first, second, _ = check(FakeDriver(names=(b"Big GPU", b"Other GPU")))
    assert first == Check(Status.OK, "cuda:0", "Big GPU, 80 GiB")
    assert second.detail.startswith("Other GPU")


@pytest.mark.parametrize(
    ("driver", "built_for", "status"),
    [
        (12040, "13.0", Status.FAIL),
        (13000, "13.2", Status.OK),
        (14010, "13.0", Status.OK),
        (13000, None, Status.WARN),
    ],
)
def test_driver_is_compared_with_the_build_of_torch(
    monkeypatch: pytest.MonkeyPatch, driver: int, built_for: str | None, status: Status
) -> None:
    monkeypatch.setattr(devices, "torch_cuda", lambda: built_for)
    assert check(FakeDriver(names=(b"GPU",), version=driver))[-1].status is status


def test_cuda_version_of_torch_is_read_without_importing_it() -> None:
    import torch

    assert devices.torch_cuda() == torch.version.cuda


@pytest.mark.parametrize(
    ("text", "cores"), [("150000 100000\n", 2), ("200000 100000", 2), ("50000 100000", 1)]
)
def test_container_quota_is_rounded_up(tmp_path: Path, text: str, cores: int) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text)
    assert devices.cgroup_cores(quota) == cores


@pytest.mark.parametrize("text", ["max 100000", "", None])
def test_no_quota_is_no_limit(tmp_path: Path, text: str | None) -> None:
    quota = tmp_path / "cpu.max"
    if text is not None:
        quota.write_text(text)
    assert devices.cgroup_cores(quota) > 10**6


def test_processor_and_memory_are_reported() -> None:
    cpu, _, memory, *_ = devices.check_devices()
    assert cpu.detail.startswith(f"{devices.usable_cores()} usable")
    assert memory.detail.endswith("GiB")


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([], "unknown"),
        (["avx2"], "none for bf16-mixed and 16-mixed"),
        (["avx2", "avx512_bf16"], "instructions for bf16-mixed, none for 16-mixed"),
        (["asimdhp", "bf16"], "instructions for bf16-mixed and 16-mixed"),
    ],
)
def test_precisions_that_the_processor_has_instructions_for(there: list[str], said: str) -> None:
    assert devices.fast_precisions(there).startswith(said)
