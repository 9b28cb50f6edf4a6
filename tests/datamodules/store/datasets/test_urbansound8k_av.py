"""UrbanSound8K-AV's pairs are found in its own layout, or refused with what is expected."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from datamodules.store.datasets.urbansound8k_av import CLASS_NAMES, PICTURES, SOUNDS, find_clips
from snn_mm.errors import UserError


@pytest.fixture
def source(urbansound8k_av_dir: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may damage."""
    return Path(shutil.copytree(urbansound8k_av_dir, tmp_path / "UrbanSound8K-AV"))


def test_a_pair_has_the_label_of_its_folder(urbansound8k_av_dir: Path) -> None:
    clips = find_clips(urbansound8k_av_dir, None)
    assert Counter(clip.label for clip in clips) == dict.fromkeys(range(10), 4)
    last = clips[-1]
    assert (last.id, CLASS_NAMES[last.label], last.part) == ("1092-9-0-0", "street_music", "")
    assert last.picture == urbansound8k_av_dir / PICTURES / "street_music" / "1092-9-0-0.jpg"
    assert last.sound == urbansound8k_av_dir / SOUNDS / "street_music" / "1092-9-0-0.wav"


def test_ghosts_of_macos_and_suffixes_in_capitals_change_nothing(source: Path) -> None:
    names = [clip.id for clip in find_clips(source, None)]
    for path in [*source.glob("*/*/*.jpg"), *source.glob("*/*/*.wav")]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7" * 50)
        path.rename(path.with_suffix(path.suffix.upper()))
    assert [clip.id for clip in find_clips(source, None)] == names


def test_half_a_pair_is_counted_and_left_out(source: Path) -> None:
    (source / PICTURES / "siren" / "1080-8-0-0.jpg").unlink()
    with pytest.warns(UserWarning, match="1 clips have a sound but no picture.*siren/1080-8-0-0"):
        assert len(find_clips(source, None)) == 39


def test_a_folder_that_is_no_class_is_refused(source: Path) -> None:
    for half in (PICTURES, SOUNDS):
        (source / half / "siren").rename(source / half / "sirens")
    with pytest.raises(UserError, match="sirens is no class of UrbanSound8K-AV"):
        find_clips(source, None)


def test_one_half_given_as_the_source_is_refused_with_the_right_one(source: Path) -> None:
    with pytest.raises(UserError, match="give that one as --source") as refused:
        find_clips(source / SOUNDS, None)
    assert f"It seems to be {source}:" in str(refused.value)


def test_lists_are_refused(source: Path) -> None:
    with pytest.raises(UserError, match="has no lists"):
        find_clips(source, source)
