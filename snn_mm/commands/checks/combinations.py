"""Sets of packages that install without complaint and then do not work together."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from snn_mm.commands.checks.packages import installed
from snn_mm.commands.checks.result import Check, fail, ok

MALICIOUS_LIGHTNING = ("2.6.2", "2.6.3")
TORCH_FOR_TORCHAUDIO = SpecifierSet(">=2.11,<2.15", prereleases=True)
CUDA_LIBRARY = "libtorch_cuda.so"


def check_combinations() -> Iterator[Check]:
    """Look for every combination known to be bad."""
    found = [*malicious_lightning(), *torch_beside_torchaudio(), *cuda_extensions()]
    yield from found or [ok("combination", "no known-bad set of packages")]


def malicious_lightning() -> Iterator[Check]:
    """Look for the two uploads of lightning that stole credentials (GHSA-w37p-236h-pfx3)."""
    for name in ("lightning", "pytorch-lightning"):
        version = installed(name)
        if version in MALICIOUS_LIGHTNING:
            yield fail(
                name,
                f"{version} was a malicious upload (GHSA-w37p-236h-pfx3): uninstall it, "
                "replace every credential this machine holds",
            )


def torch_beside_torchaudio() -> Iterator[Check]:
    """Look for a torch that the last release of torchaudio cannot be imported with."""
    torch, torchaudio = installed("torch"), installed("torchaudio")
    if torch is None or torchaudio is None or Version(torchaudio) < Version("2.11"):
        return
    if Version(torch) not in TORCH_FOR_TORCHAUDIO:
        remedy = f"pip install 'torch{TORCH_FOR_TORCHAUDIO}'"
        yield fail("torchaudio", f"{torchaudio} does not import with torch {torch}; {remedy}")


def cuda_extensions() -> Iterator[Check]:
    """Look for CUDA builds of torchvision or torchaudio beside a torch without CUDA."""
    torch = _folder("torch")
    if torch is None or not (torch / "lib").is_dir() or (torch / "lib" / CUDA_LIBRARY).exists():
        return
    for name in ("torchvision", "torchaudio"):
        folder = _folder(name)
        if folder and any(_mentions(file, CUDA_LIBRARY) for file in folder.rglob("*.so")):
            yield fail(
                name,
                f"is a CUDA build, torch {installed('torch')} is not: its extension cannot load; "
                "install all three from one index",
            )


def _folder(name: str) -> Path | None:
    """Return the folder of a top-level package, without importing it."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _mentions(library: Path, word: str) -> bool:
    """Say whether a shared library links another: the name stands in its string table."""
    if library.stat().st_size == 0:
        return False
    with (
        library.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return content.find(word.encode()) >= 0
