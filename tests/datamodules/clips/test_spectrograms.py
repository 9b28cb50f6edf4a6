"""Spectrograms that are kept are those that are computed, bit for bit, and of the same store."""

from __future__ import annotations

import copy
import resource
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch

from datamodules import CremaD, LoaderOptions
from datamodules.clips import spectrograms as kept
from datamodules.clips.spectrograms import Spectrograms
from snn_mm.errors import UserError
from snn_mm.run.processor import one_thread

Usage = namedtuple("Usage", "free")


@pytest.fixture
def root(prepared_root: str, tmp_path: Path) -> str:
    """Return a root of its own, without kept spectrograms."""
    source, own = Path(prepared_root) / "prepared" / "crema_d", tmp_path / "prepared" / "crema_d"
    shutil.copytree(source, own, ignore=shutil.ignore_patterns("spectrograms-*"))
    return str(tmp_path)


def files(root: str) -> list[Path]:
    return sorted(Path(root).rglob("*spectrograms-*"))


def computing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets longer by each spectrogram that is computed."""
    seen: list[int] = []
    compute = kept.audio_input
    monkeypatch.setattr(kept, "audio_input", lambda *a: (seen.append(0), compute(*a))[1])
    return seen


@pytest.mark.parametrize(
    "options", [{"protocol": "iemf"}, {"protocol": "pmr"}, {"override": {"spectrogram": "fbank"}}]
)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_has_the_same_bits_kept_or_computed(
    root: str, options: dict[str, Any], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = LoaderOptions(batch_size=4, num_workers=workers)
    keeps = CremaD(root, loader=loader, **options)
    with one_thread():
        expected = list(CremaD(root, spectrograms="compute", **options).train_dataloader())
        keeps.prepare_data()
        assert len(files(root)) == 1
        seen = computing(monkeypatch)
        found = list(keeps.train_dataloader())
    assert not seen
    ours, theirs = (torch.cat([b["inputs"]["audio"] for b in x]) for x in (found, expected))
    assert torch.equal(ours, theirs)
    assert keeps.fingerprint() == CremaD(root, spectrograms="compute", **options).fingerprint()


def test_they_are_computed_once_for_all_that_follow(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    CremaD(root).prepare_data()
    before = [path.stat().st_mtime_ns for path in files(root)]
    seen = computing(monkeypatch)
    again = CremaD(root, seed=1)
    again.prepare_data()
    list(again.val_dataloader())
    assert len(seen) == 1  # that of the first clip, which tells whether they are those of here
    assert [path.stat().st_mtime_ns for path in files(root)] == before


def test_other_options_of_the_sound_are_another_file_and_those_of_frames_are_not(root: str) -> None:
    for override in ({}, {"frames": 2, "image_size": 32}, {"hop": 400}, {"seconds": 2.0}):
        CremaD(root, override=override).prepare_data()  # type: ignore[arg-type]
    assert len(files(root)) == 3


def test_a_machine_that_computes_other_bits_keeps_its_own(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    CremaD(root).prepare_data()
    compute = kept.audio_input
    monkeypatch.setattr(kept, "audio_input", lambda *a: compute(*a) * (1 + 1e-7))
    CremaD(root).prepare_data()
    assert len(files(root)) == 2


def test_those_of_an_earlier_state_of_the_store_are_removed(root: str) -> None:
    CremaD(root).prepare_data()
    (old,) = files(root)
    store = CremaD(root).store
    stale = old.with_name(old.name.replace(store.fingerprint, "0123456789abcdef"))
    shutil.copy(old, stale)
    CremaD(root, protocol="pmr").prepare_data()
    assert stale not in files(root)
    assert old in files(root)


def test_little_free_disk_is_left_alone_unless_told(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbytes = CremaD(root).spectrograms.nbytes
    monkeypatch.setattr(kept.shutil, "disk_usage", lambda _: Usage(10 * nbytes - 1))
    CremaD(root).prepare_data()
    CremaD(root, spectrograms="compute").prepare_data()
    assert not files(root)
    CremaD(root, spectrograms="keep").prepare_data()
    assert len(files(root)) == 1


def test_a_disk_that_cannot_be_written_is_told_and_nothing_is_left(root: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.warns(UserWarning, match=r"can't be kept: .*File too large.*every epoch"):
            CremaD(root).prepare_data()
        with pytest.raises(UserError, match=r"can't be kept: .*File too large"):
            CremaD(root, spectrograms="keep").prepare_data()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not files(root)


def test_a_shorter_file_is_refused_by_name(root: str) -> None:
    CremaD(root).prepare_data()
    (path,) = files(root)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match=f"{path.name} is damaged"):
        CremaD(root).split("train")[0]


def test_sounds_of_any_length_are_computed(root: str) -> None:
    dm = CremaD(root, override={"seconds": None}, loader=LoaderOptions(batch_size=1))
    dm.prepare_data()
    assert not files(root)
    assert next(iter(dm.train_dataloader()))["inputs"]["audio"].shape[0] == 1
    with pytest.raises(UserError, match="spectrograms is 'keep', but with seconds: null"):
        CremaD(root, override={"seconds": None}, spectrograms="keep").prepare_data()


def test_a_process_opens_the_file_for_itself(root: str) -> None:
    dm = CremaD(root)
    dm.prepare_data()
    first = dm.spectrograms[1]
    other: Spectrograms = copy.deepcopy(dm.spectrograms)  # by the methods that unpickling calls
    assert "_file" not in other.__dict__
    assert torch.equal(other[1], first)
