"""Data sets in their real on-disk layout, small enough to make for every test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from datamodules.base import LoaderOptions, MultimodalDataModule, SplitName
from datamodules.digits_av import DigitsAV
from datamodules.split import Split

SPEAKERS = ("george", "jackson", "theo")


class Toy(MultimodalDataModule):
    """Two modalities of random numbers; what the README shows as one's own data module."""

    modalities = ("audio", "visual")
    class_names = ("no", "yes")

    def load_split(self, name: SplitName) -> Split:
        data = np.load(f"{self.root}/{name}.npz")
        ids = [f"{name}{i}" for i in range(len(data["label"]))]
        return Split.aligned({m: data[m] for m in self.modalities}, data["label"], ids)


def write_toy(root: Path, name: str, samples: int = 12) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(name))
    arrays = {
        "audio": rng.normal(size=(samples, 1, 3, 4)),
        "visual": rng.normal(size=(samples, 1, 2, 2)),
        "label": np.arange(samples) % 2,
    }
    np.savez(root / f"{name}.npz", **arrays)
    return arrays


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., Toy]:
    """Return a factory of toy data modules over the same files."""
    for name in ("train", "val", "test"):
        write_toy(tmp_path, name)
    return lambda seed=0, **loader: Toy(
        str(tmp_path), seed, LoaderOptions(**{"batch_size": 4, **loader})
    )


@pytest.fixture(scope="session")
def digits_root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a root where the speech of DigitsAV is synthesised once for all tests."""
    root = str(tmp_path_factory.mktemp("digits_av"))
    DigitsAV(root).prepare_data()
    return root


def _write_events(
    path: Path, x: list[int], y: list[int], polarity: list[int], time: list[int]
) -> None:
    """Write events bit by bit, as the format's description says."""
    bits = "".join(
        f"{a:08b}{b:08b}{p:01b}{t:023b}" for a, b, p, t in zip(x, y, polarity, time, strict=True)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def _write_random_events(path: Path, seed: int, events: int = 40) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 34, (2, events)).tolist()
    polarity, time = rng.integers(0, 2, events), np.sort(rng.integers(0, 300_000, events))
    _write_events(path, x, y, polarity.tolist(), time.tolist())


@pytest.fixture(scope="session")
def write_events() -> Callable[..., None]:
    """Return a writer of event files: path, x, y, polarity, time."""
    return _write_events


@pytest.fixture(scope="session")
def write_random_events() -> Callable[..., None]:
    """Return a writer of random event files: path, seed, events."""
    return _write_random_events


@pytest.fixture
def nmnist_dir(tmp_path: Path) -> Path:
    """Return N-MNIST as two lists with numbered files: 4 training and 1 test file a class."""
    folder = tmp_path / "nmnist"
    listed: dict[str, list[str]] = {"train": [], "test": []}
    for index in range(50):
        _write_random_events(folder / f"{index}.bs2", seed=index)
        listed["test" if index >= 40 else "train"].append(f"{index}\t{index % 10}")
    (folder / "train1K.txt").write_text("#sample #class\n" + "\n".join(listed["train"]))
    (folder / "test100.txt").write_text("#sample #class\n" + "\n".join(listed["test"]))
    return folder


@pytest.fixture
def fsdd_dir(tmp_path: Path) -> Path:
    """Return FSDD with three speakers: per class each has one test and three training takes."""
    folder = tmp_path / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for digit in range(10):
        for speaker in SPEAKERS:
            for take in (4, 5, 6, 7):
                wave = rng.normal(0, 0.1, 2000 + 100 * digit)
                soundfile.write(folder / f"{digit}_{speaker}_{take}.wav", wave, 8000)
    return folder.parent
