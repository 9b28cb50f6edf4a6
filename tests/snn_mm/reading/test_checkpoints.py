"""Checkpoints: what Lightning would end in a KeyError is named, and nothing takes for ever."""

from __future__ import annotations

import io
import pickle
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.reading.checkpoints import check_trainable, read_torch

WHOLE: dict[str, Any] = {
    "pytorch-lightning_version": "2.6.4",
    "epoch": 1,
    "global_step": 5,
    "loops": {},
    "callbacks": {},
    "optimizer_states": [],
    "lr_schedulers": [],
}


@pytest.mark.parametrize("key", WHOLE)
def test_a_key_that_a_training_needs_is_named(key: str) -> None:
    check_trainable(WHOLE, Path("a"))
    with pytest.raises(UserError, match=f"a: '{key}' is missing"):
        check_trainable({k: v for k, v in WHOLE.items() if k != key}, Path("a"))
    with pytest.raises(UserError, match=f"a: '{key}' is tuple"):
        check_trainable({**WHOLE, key: ("text",)}, Path("a"))


@pytest.mark.parametrize("archive", [True, False])
def test_tensors_are_read_of_both_formats(archive: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    content = {"x": torch.arange(2), "text": "c" * 10_000}  # looks like a long name
    torch.save(content, path, _use_new_zipfile_serialization=archive)
    read = read_torch(path)
    assert read["x"].tolist() == [0, 1]
    assert read["text"] == content["text"]


@pytest.mark.parametrize("archive", [True, False])
def test_a_name_of_a_megabyte_is_refused_at_once(archive: bool, tmp_path: Path) -> None:
    """torch looks a refused name over with patterns that take quadratic time."""
    path, buffer = tmp_path / "a.ckpt", io.BytesIO()
    torch.save({"x": torch.zeros(1)}, buffer, _use_new_zipfile_serialization=archive)
    name = b"ccollections\n" + b"O" * 1_000_000 + b"\n."
    if archive:
        with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w") as new:
            for part in old.namelist():
                new.writestr(part, b"\x80\x02" + name if part.endswith(".pkl") else old.read(part))
    else:
        magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
        path.write_bytes(magic + pickle.dumps({}, 2) + b"\x80\x02" + name)
    begin = time.process_time()
    with pytest.raises(UserError, match=r"a\.ckpt is no checkpoint that can be read safely"):
        read_torch(path)
    assert time.process_time() - begin < 20  # it took hours


def test_a_packed_archive_is_refused_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.ckpt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(10**6))
    with pytest.raises(UserError, match="no checkpoint that can be read safely"):
        read_torch(tmp_path / "a.ckpt")
