"""A feature file is converted once, and again when it has changed; memory holds a block of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.feature_files.convert import prepare
from datamodules.store.source import sha256
from snn_mm.errors import UserError

Content = dict[str, Any]
Save = Callable[..., Path]


@pytest.fixture
def file(save: Save, content: Content) -> Path:
    """A feature file with two broken values and one empty sequence."""
    content["train"]["audio"][0, 0, :2] = -np.inf
    content["train"]["audio_lengths"][1] = 0
    return save(content)


def made_at(directory: Path) -> int:
    return (directory / "store.json").stat().st_ino


def test_the_first_start_says_what_it_replaced_and_later_ones_reuse_it(
    file: Path, tmp_path: Path
) -> None:
    first = prepare(file, tmp_path / "store")
    assert first.notes == [
        "train/audio: 2 NaN or infinite values became 0",
        "train/audio: 1 sequences without a step became one step of zeros",
    ]
    begun = made_at(tmp_path / "store")
    assert prepare(file, tmp_path / "store").notes == []
    assert prepare(file, tmp_path / "store", verify=True).notes == []
    assert made_at(tmp_path / "store") == begun
    file.unlink()
    assert prepare(file, tmp_path / "store").store.fingerprint == first.store.fingerprint


def test_a_changed_file_is_converted_again(
    file: Path, save: Save, content: Content, tmp_path: Path
) -> None:
    before = prepare(file, tmp_path / "store").store.fingerprint
    status = file.stat()
    content["test"]["text"][0, 0, 0] += 1
    assert save(content) == file
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert prepare(file, tmp_path / "store").store.fingerprint == before
    assert prepare(file, tmp_path / "store", verify=True).store.fingerprint != before
    content["test"]["text"][0, 0, 0] += 1
    save(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    after = prepare(file, tmp_path / "store").store
    assert after.split("test").arrays["text"][0, 0, 0] == np.float32(
        content["test"]["text"][0, 0, 0]
    )


def test_a_file_that_is_not_the_published_one_is_noted_or_refused(
    file: Path, tmp_path: Path
) -> None:
    wrong = prepare(file, tmp_path / "a", published="0" * 64)
    assert any("is not the published file" in note for note in wrong.notes)
    with pytest.raises(UserError, match=r"is not the published file.*\nAccepted is 00"):
        prepare(file, tmp_path / "a", verify=True, published="0" * 64)
    right = prepare(file, tmp_path / "b", verify=True, published=sha256(file))
    assert len(right.notes) == 2


def test_a_refused_file_leaves_nothing(save: Save, content: Content, tmp_path: Path) -> None:
    content["valid"]["regression_labels"][0] = np.nan
    with pytest.raises(UserError, match="valid/regression_labels"):
        prepare(save(content), tmp_path / "prepared" / "store")
    assert [p.name for p in (tmp_path / "prepared").iterdir()] == [".store.lock"]


def test_reading_and_converting_need_a_fraction_of_the_file_in_memory(
    save: Save, content: Content, tmp_path: Path
) -> None:
    for name, samples in (("train", 300), ("valid", 20), ("test", 20)):
        part = content[name]
        repeats = -(-samples // len(part["id"]))
        for key, value in part.items():
            part[key] = np.concatenate([np.array(value)] * repeats)
        part["vision"] = np.zeros((len(part["id"]), 100, 700))
    path = save(content)
    limit = path.stat().st_size // 2
    code = (  # RLIMIT_DATA bounds private memory; mapped files do not count
        "import resource, sys; from pathlib import Path;"
        "from datamodules.feature_files import convert, writer; writer.BLOCK_BYTES = 1 << 20;"
        "used = int(Path('/proc/self/statm').read_text().split()[5]) * 4096;"
        f"resource.setrlimit(resource.RLIMIT_DATA, (used + {limit}, used + {limit}));"
        f"convert.prepare(Path({str(path)!r}), Path({str(tmp_path / 'store')!r}))"
    )
    assert path.stat().st_size > 150e6
    subprocess.run([sys.executable, "-c", code], check=True)
