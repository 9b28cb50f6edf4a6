"""A checkpoint tells its damage, wherever it is, and any reader opens it."""

import random
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.run.checkpoint_digest import check_digest
from snn_mm.run.checkpoint_io import AtomicCheckpointIO

CONTENT = {"state_dict": {"weight": torch.arange(600.0)}, "epoch": 3}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    return path


def test_a_whole_checkpoint_is_read_by_anybody(saved: Path) -> None:
    check_digest(saved)
    mapped = torch.load(saved, weights_only=True, mmap=True)
    for read in (AtomicCheckpointIO().load_checkpoint(saved), mapped):
        assert read["epoch"] == 3
        assert torch.equal(read["state_dict"]["weight"], CONTENT["state_dict"]["weight"])  # type: ignore[index]
    assert zipfile.ZipFile(saved).testzip() is None


def test_every_flipped_bit_is_seen(saved: Path) -> None:
    content, rng = saved.read_bytes(), random.Random(0)  # noqa: S311
    places = [*range(40), *range(len(content) - 120, len(content))]
    seen = 0
    for place in [*places, *rng.sample(range(len(content)), 200)]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randrange(8)
        saved.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged"):
            AtomicCheckpointIO().load_checkpoint(saved)
        seen += 1
    assert seen == len(places) + 200


def test_a_flipped_bit_of_a_weight_is_named_before_anything_is_loaded(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[content.index(torch.arange(600.0).numpy().tobytes()) + 1000] ^= 1
    saved.write_bytes(content)
    torch.load(saved, weights_only=True)  # which does not notice
    with pytest.raises(UserError, match=r"last\.ckpt is damaged"):
        AtomicCheckpointIO().load_checkpoint(saved)


def test_a_checkpoint_that_was_cut_short_or_grew_is_refused(saved: Path) -> None:
    content = saved.read_bytes()
    for damaged in (content[:-1], content[: len(content) // 2], content + b"\0"):
        saved.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged"):
            check_digest(saved)


def test_one_of_an_earlier_version_is_read_without_a_word(tmp_path: Path) -> None:
    torch.save(CONTENT, tmp_path / "old.ckpt")
    torch.save(CONTENT, tmp_path / "older.ckpt", _use_new_zipfile_serialization=False)
    for name in ("old.ckpt", "older.ckpt", "missing.ckpt"):
        check_digest(tmp_path / name)


def test_a_copy_of_the_one_file_keeps_its_digest(saved: Path, tmp_path: Path) -> None:
    check_digest(Path(shutil.copyfile(saved, tmp_path / "copy.ckpt")))
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["copy.ckpt", "last.ckpt"]
