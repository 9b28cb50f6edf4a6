"""Kinetics-Sounds' clips are found by lists or by folders, or refused with what is expected."""

from __future__ import annotations

import shutil
import warnings
from collections import Counter
from pathlib import Path

import pytest

from datamodules.store.datasets.kinetics_sounds import CLASS_NAMES, find_clips, read_lists
from snn_mm.errors import UserError


@pytest.fixture
def source(kinetics_sounds_dir: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may damage."""
    return Path(shutil.copytree(kinetics_sounds_dir, tmp_path / "kinetics"))


def by_class_folders(source: Path) -> Path:
    """Move the videos of the first two classes into `<part>/<class>/`."""
    for video in sorted(source.rglob("*.mp4")):
        folder = video.parent / CLASS_NAMES[int(video.stem[7:9])].replace(" ", "_")
        if video.stem[7:9] in ("00", "01"):
            folder.mkdir(exist_ok=True)
            video.rename(folder / video.name)
        else:
            video.unlink()
    return source


def test_the_lists_say_class_and_part(kinetics_sounds_dir: Path) -> None:
    clips = find_clips(kinetics_sounds_dir, kinetics_sounds_dir / "lists")
    assert Counter(clip.part for clip in clips) == {"train": 62, "test": 31}
    assert Counter(clip.label for clip in clips) == dict.fromkeys(range(31), 3)
    clip = clips[5]
    assert (clip.id, clip.label, clip.part) == ("video_-01-2_000009_000019", 1, "test")
    assert clip.picture == clip.sound == kinetics_sounds_dir / "test" / f"{clip.id}.mp4"


def test_other_videos_of_kinetics_are_passed_over(source: Path) -> None:
    (source / "train" / "aaaaaaaaaaa_000001_000011.mp4").touch()
    with pytest.warns(UserWarning, match="1 videos are in no list; they are left out .aaaaaaaaaaa"):
        assert len(find_clips(source, source / "lists")) == 93


def test_films_of_every_kind_are_taken_and_hidden_files_are_none(source: Path) -> None:
    train = source / "train"
    for take, suffix in enumerate((".MP4", ".mkv", ".webm")):
        path = train / f"video_-{take:02d}-0_{7 * take:06d}_{7 * take + 10:06d}.mp4"
        path.rename(path.with_suffix(suffix))
        (train / f"._{path.stem}{suffix}").touch()
    (source / ".Trashes").mkdir()
    (source / ".Trashes" / "video_-00-0_000000_000010.mp4").touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clips = find_clips(source, source / "lists")
    assert len(clips) == 93
    suffixes = {clip.picture.suffix for clip in clips}
    assert suffixes == {".mp4", ".MP4", ".mkv", ".webm"}


def test_folders_behind_links_are_searched_once(source: Path, tmp_path: Path) -> None:
    (source / "train").rename(tmp_path / "elsewhere")
    (source / "train").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(source)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(find_clips(source, source / "lists")) == 93


def test_films_of_another_name_are_counted_and_left_out(source: Path) -> None:
    (source / "holiday.mkv").touch()
    with pytest.warns(UserWarning, match=r"1 films are not named like .*left out \(holiday\.mkv"):
        find_clips(source, source / "lists")


def test_another_stretch_of_a_listed_video_is_not_taken_for_it(source: Path) -> None:
    video = source / "train" / "video_-00-0_000000_000010.mp4"
    video.rename(video.with_name("video_-00-0_000020_000030.mp4"))
    with pytest.warns(UserWarning, match="1 clips that the lists name are not in .*video_-00-0_0"):
        assert len(find_clips(source, source / "lists")) == 92


def test_the_replacement_of_a_corrupt_video_wins(source: Path) -> None:
    replacement = source / "a_replacement" / "video_-00-0_000000_000010.mp4"
    replacement.parent.mkdir()
    replacement.touch()
    with pytest.warns(UserWarning, match="1 videos lie there several times; .*a replacement"):
        assert find_clips(source, source / "lists")[0].picture == replacement


@pytest.mark.parametrize("folders", [("train", "test"), ("train", "val"), ("", "train")])
def test_of_copies_that_of_test_counts_then_that_of_train(
    source: Path, folders: tuple[str, str]
) -> None:
    less, more = (source / name / "bowling" / "a1234567890_1_11.mp4" for name in folders)
    for path in (less, more):
        path.parent.mkdir(parents=True)
        path.touch()
    with pytest.warns(UserWarning, match=r"1 videos lie there several times; .*\(a1234567890_1_11"):
        clip = next(c for c in find_clips(source, None) if c.id == "a1234567890_1_11")
    assert clip.picture == more
    assert clip.part == {"val": "test"}.get(folders[1], folders[1])


def test_of_folders_of_two_classes_the_first_counts_and_is_named(source: Path) -> None:
    for name in ("tickling", "bowling"):
        (source / name).mkdir()
        (source / name / "a1234567890_1_11.mp4").touch()
    with pytest.warns(UserWarning, match="1 videos are in folders of several classes; the first"):
        (clip,) = find_clips(source, None)
    assert CLASS_NAMES[clip.label] == "bowling"


def test_folders_may_say_class_and_part(source: Path) -> None:
    clips = find_clips(by_class_folders(source), None)
    assert [clip.label for clip in clips] == [0, 0, 0, 1, 1, 1]
    assert [clip.part for clip in clips] == ["train", "train", "test"] * 2


def test_the_replacement_of_a_corrupt_video_has_the_class_of_its_folder(source: Path) -> None:
    replacement = by_class_folders(source) / "a_replacement" / "video_-01-0_000007_000017.mp4"
    replacement.parent.mkdir()
    replacement.touch()
    with pytest.warns(UserWarning, match="1 videos lie there several times"):
        clips = find_clips(source, None)
    assert len(clips) == 6
    assert (clips[3].picture, clips[3].label, clips[3].part) == (replacement, 1, "train")


def test_videos_in_no_class_folder_are_counted_and_left_out(source: Path) -> None:
    (by_class_folders(source) / "aaaaaaaaaaa_000001_000011.mp4").touch()
    with pytest.warns(UserWarning, match="1 videos are in no folder of a class.*aaaaaaaaaaa"):
        assert len(find_clips(source, None)) == 6


def test_without_lists_or_class_folders_the_user_learns_what_to_give(source: Path) -> None:
    with pytest.raises(UserError, match=r"classes of the 93 videos.*give --lists"):
        find_clips(source, None)


def test_a_source_without_kinetics_videos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.mp4").touch()
    with pytest.raises(UserError, match=r"No Kinetics video in .*\(1 other films\)"):
        find_clips(tmp_path, None)


def test_lists_of_none_of_the_videos_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "aaaaaaaaaaa_000001_000011.mp4").touch()
    shutil.rmtree(source / "train")
    shutil.rmtree(source / "test")
    with pytest.raises(UserError, match="None of the 93 clips"):
        find_clips(tmp_path, source / "lists")


@pytest.mark.parametrize(
    "row", ["video_-00-0_000000_000010,10,31", "video_-00-0,10,3", "video_-00-0_000000,3", "a b"]
)
def test_a_row_of_another_form_is_refused(source: Path, row: str) -> None:
    (source / "lists" / "my_test.txt").write_text(row)
    with pytest.raises(UserError, match=rf"my_test\.txt: row '{row.split()[0]}'"):
        read_lists(source / "lists")


def test_a_clip_listed_twice_is_refused(source: Path) -> None:
    shutil.copy(source / "lists" / "my_train.txt", source / "lists" / "my_test.txt")
    with pytest.raises(UserError, match=r"my_test\.txt: 'video_-00-0.*' is listed before"):
        read_lists(source / "lists")


def test_a_missing_list_is_refused(source: Path) -> None:
    with pytest.raises(UserError, match=r"my_train\.txt is missing"):
        read_lists(source)


@pytest.mark.real_data
def test_the_official_lists_have_the_published_counts(official_lists: Path) -> None:
    listed = read_lists(official_lists / "kinetics_sounds").values()
    assert Counter(part for _, part in listed) == {"train": 14772, "test": 2594}
    assert {label for label, _ in listed} == set(range(31))
