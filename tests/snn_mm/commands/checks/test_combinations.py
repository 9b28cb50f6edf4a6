"""Sets of packages that are known not to work together."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn_mm.commands.checks import combinations
from snn_mm.commands.checks.result import Status


def use_versions(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    monkeypatch.setattr(combinations, "installed", versions.get)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of torch without CUDA and of extensions that need it."""
    for library in ("torch/lib/libtorch_cpu.so", "torchvision/_C.so", "torchaudio/lib/_x.so"):
        file = tmp_path / library
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\x7fELF\0libtorch_cpu.so\0libtorch_cuda.so\0")
    monkeypatch.setattr(combinations, "_folder", lambda name: tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("version", "count"), [("2.6.1", 0), ("2.6.2", 1), ("2.6.3", 1), ("2.6.4", 0)]
)
def test_malicious_lightning_is_named(
    monkeypatch: pytest.MonkeyPatch, version: str, count: int
) -> None:
    use_versions(monkeypatch, lightning=version)
    found = list(combinations.malicious_lightning())
    assert [check.status for check in found] == [Status.FAIL] * count


@pytest.mark.parametrize(
    ("torch", "count"), [("2.10.2", 1), ("2.11.0", 0), ("2.14.1+cu130", 0), ("2.15.0", 1)]
)
def test_torch_outside_the_range_of_torchaudio(
    monkeypatch: pytest.MonkeyPatch, torch: str, count: int
) -> None:
    use_versions(monkeypatch, torch=torch, torchaudio="2.11.0")
    assert len(list(combinations.torch_beside_torchaudio())) == count


def test_no_torchaudio_is_no_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    use_versions(monkeypatch, torch="2.15.0")
    assert list(combinations.torch_beside_torchaudio()) == []


def test_cuda_extensions_beside_a_cpu_torch_are_found(packages: Path) -> None:
    found = list(combinations.cuda_extensions())
    assert [check.name for check in found] == ["torchvision", "torchaudio"]


def test_cuda_extensions_beside_a_cuda_torch_are_fine(packages: Path) -> None:
    (packages / "torch/lib/libtorch_cuda.so").touch()
    assert list(combinations.cuda_extensions()) == []


def test_cpu_extensions_beside_a_cpu_torch_are_fine(packages: Path) -> None:
    (packages / "torchvision/_C.so").write_bytes(b"\x7fELF\0libtorch_cpu.so\0")
    (packages / "torchaudio/lib/_x.so").write_bytes(b"")
    assert list(combinations.cuda_extensions()) == []


def test_this_environment_has_no_bad_combination() -> None:
    assert [check.status for check in combinations.check_combinations()] == [Status.OK]
