"""CREMA-D's clips are found in its own layout, or refused with what is expected."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from datamodules.store.datasets.crema_d import CLASS_NAMES, find_clips, label_of, read_parts
from snn_mm.errors import UserError


@pytest.fixture
def source(crema_d_dir: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may damage."""
    return Path(shutil.copytree(crema_d_dir, tmp_path / "CREMA-D"))


def test_a_clip_has_its_label_and_both_files(crema_d_dir: Path) -> None:
    clips = find_clips(crema_d_dir, None)
    assert len(clips) == 18
    assert Counter(clip.label for clip in clips) == dict.fromkeys(range(6), 3)
    last = clips[-1]
    assert (last.id, CLASS_NAMES[last.label], last.part) == ("1003_DFA_SAD_XX", "SAD", "")
    assert last.picture == crema_d_dir / "VideoFlash" / "1003_DFA_SAD_XX.flv"
    assert last.sound == crema_d_dir / "AudioWAV" / "1003_DFA_SAD_XX.wav"


def test_the_lists_say_the_parts(crema_d_dir: Path) -> None:
    clips = find_clips(crema_d_dir, crema_d_dir / "lists")
    assert {clip.id[:4] for clip in clips if clip.part == "test"} == {"1003"}
    assert Counter(clip.part for clip in clips) == {"train": 12, "test": 6}


def test_a_clip_without_sound_is_counted_and_left_out(source: Path) -> None:
    (source / "AudioWAV" / "1001_DFA_ANG_XX.wav").unlink()
    with pytest.warns(UserWarning, match=r"1 clips have a picture but no sound.*1001_DFA_ANG_XX"):
        assert len(find_clips(source, None)) == 17


def test_a_listed_clip_that_is_absent_is_counted(source: Path) -> None:
    for folder in ("VideoFlash", "AudioWAV"):
        next((source / folder).glob("1002_DFA_FEA_XX.*")).unlink()
    with pytest.warns(UserWarning, match=r"1 clips that the lists name are not in .*1002_DFA_FEA"):
        assert len(find_clips(source, source / "lists")) == 17


def test_a_clip_in_no_list_is_counted_and_left_out(source: Path) -> None:
    path = source / "lists" / "test.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    with pytest.warns(UserWarning, match="1 clips are in no list.*1003_DFA_ANG_XX"):
        assert len(find_clips(source, source / "lists")) == 17


def test_ghosts_of_macos_and_suffixes_in_capitals_change_nothing(source: Path) -> None:
    names = [clip.id for clip in find_clips(source, None)]
    for path in [*(source / "VideoFlash").iterdir(), *(source / "AudioWAV").iterdir()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7" * 50)
        path.rename(path.with_suffix(path.suffix.upper()))
    assert [clip.id for clip in find_clips(source, None)] == names


def test_of_two_files_of_a_clip_the_first_counts_and_is_named(source: Path) -> None:
    shutil.copy(
        source / "AudioWAV" / "1001_DFA_ANG_XX.wav", source / "AudioWAV" / "1001_DFA_ANG_XX.WAV"
    )
    with pytest.warns(
        UserWarning, match=r"1 clips have several files; .*\(1001_DFA_ANG_XX\.WAV of 2"
    ):
        clips = find_clips(source, None)
    assert len(clips) == 18
    assert clips[0].sound.suffix == ".WAV"


def test_a_broken_link_is_a_clip_that_preparing_lists(source: Path) -> None:
    path = source / "AudioWAV" / "1001_DFA_ANG_XX.wav"
    path.unlink()
    path.symlink_to(source / "gone.wav")
    assert len(find_clips(source, None)) == 18


def test_git_lfs_pointers_are_refused_with_the_command(source: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 70000\n"
    (source / "AudioWAV" / "1001_DFA_ANG_XX.wav").write_bytes(pointer)
    with pytest.raises(UserError, match=r"1 recordings .* are Git-LFS pointers") as refused:
        find_clips(source, None)
    assert f"git -C {source} lfs pull" in str(refused.value)


@pytest.mark.parametrize("given", [".", "CREMA-D/VideoFlash"])
def test_the_folder_above_or_below_is_refused_with_the_right_one(source: Path, given: str) -> None:
    with pytest.raises(UserError, match=r"does not hold VideoFlash and AudioWAV") as refused:
        find_clips(source.parent / given, None)
    assert f"{source}: give that one as --source" in str(refused.value)


def test_a_source_without_clips_is_refused(tmp_path: Path) -> None:
    for folder in ("VideoFlash", "AudioWAV"):
        (tmp_path / folder).mkdir()
    with pytest.raises(UserError, match="0 pictures and 0 sounds found"):
        find_clips(tmp_path, None)


def test_a_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="accepted is VideoFlash/<id>"):
        find_clips(tmp_path / "gone", None)


@pytest.mark.parametrize("name", ["1001_DFA_XXX_XX", "DFA_ANG_XX", "clip"])
def test_an_id_of_another_data_set_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"'{name}' is not named as in CREMA-D"):
        label_of(name)


@pytest.mark.parametrize("row", ["1001_DFA_ANG_XX,SAD", "1001_DFA_ANG_XX", "1001_DFA_ANG_XX,ANG,1"])
def test_a_row_of_another_form_is_refused(source: Path, row: str) -> None:
    (source / "lists" / "train.csv").write_text(row)
    with pytest.raises(UserError, match=rf"train\.csv: row '{row}'"):
        read_parts(source / "lists")


def test_a_clip_listed_twice_is_refused(source: Path) -> None:
    shutil.copy(source / "lists" / "train.csv", source / "lists" / "test.csv")
    with pytest.raises(UserError, match=r"test\.csv: '1001_DFA_ANG_XX' is listed before"):
        read_parts(source / "lists")


def test_a_missing_list_is_refused(source: Path) -> None:
    (source / "lists" / "test.csv").unlink()
    with pytest.raises(UserError, match=r"test\.csv is missing"):
        read_parts(source / "lists")


@pytest.mark.real_data
def test_the_official_lists_have_the_published_counts(official_lists: Path) -> None:
    parts = read_parts(official_lists / "crema_d")
    by_part = {p: [n for n in parts if parts[n] == p] for p in ("train", "test")}
    assert {part: len(names) for part, names in by_part.items()} == {"train": 6698, "test": 744}
    counts = {p: [*map(Counter(map(label_of, n)).get, range(6))] for p, n in by_part.items()}
    assert counts["train"] == [1166, 1142, 1138, 1148, 973, 1131]
    assert counts["test"] == [105, 129, 133, 123, 114, 140]
