"""AVE's events are found in its archive's layout, or refused with what is expected."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from datamodules.store.datasets.ave import CLASS_NAMES, LISTS, find_clips, read_events, read_rows
from snn_mm.errors import UserError


@pytest.fixture
def source(ave_dir: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may damage."""
    return Path(shutil.copytree(ave_dir, tmp_path / "AVE_Dataset"))


def test_a_clip_is_the_annotated_stretch_of_a_video(ave_dir: Path) -> None:
    clips = {clip.id: clip for clip in find_clips(ave_dir, None)}
    clip = clips["------val03_0"]
    assert (clip.label, clip.part, clip.start, clip.end) == (3, "val", 2.0, 4.0)
    assert clip.picture == clip.sound == ave_dir / "AVE" / "------val03.mp4"
    assert Counter(c.part for c in clips.values()) == {"train": 29, "val": 28, "test": 29}


def test_every_event_of_a_video_is_a_clip_numbered_in_the_order_of_the_lists(ave_dir: Path) -> None:
    clips = {clip.id: (clip.part, clip.label) for clip in find_clips(ave_dir, None)}
    assert [clips[f"----train02_{n}"] for n in (0, 1)] == [("train", 2), ("train", 18)]
    assert [clips[f"----train10_{n}"] for n in (0, 1)] == [("train", 10), ("test", 11)]


def test_lists_beside_the_videos_are_those_given(ave_dir: Path) -> None:
    assert find_clips(ave_dir, None) == find_clips(ave_dir, ave_dir)


def test_annotations_alone_know_no_parts(source: Path) -> None:
    for name in LISTS.values():
        (source / name).unlink()
    clips = find_clips(source, None)
    assert {clip.part for clip in clips} == {""}
    assert len(clips) == 86


def test_ghosts_of_macos_and_other_films_are_told_apart(source: Path) -> None:
    ids = [clip.id for clip in find_clips(source, None)]
    for path in list((source / "AVE").iterdir()):
        path.with_name(f"._{path.name}").touch()
        path.rename(path.with_suffix(".MKV"))
    with pytest.warns(
        UserWarning, match=r"1 videos are in several lists; .*\(----train10\)"
    ) as caught:
        assert [clip.id for clip in find_clips(source, None)] == ids
    assert len(caught) == 1


def test_a_listed_video_that_is_absent_is_counted(source: Path) -> None:
    (source / "AVE" / "----train02.mp4").unlink()
    with pytest.warns(UserWarning, match=r"1 videos that the lists name are not in .*----train02"):
        assert len(find_clips(source, None)) == 84


def test_a_video_in_no_list_is_counted(source: Path) -> None:
    (source / "AVE" / "aaaaaaaaaaa.mp4").touch()
    with pytest.warns(UserWarning, match=r"1 videos are in no list.*aaaaaaaaaaa"):
        assert len(find_clips(source, None)) == 86


def test_a_source_without_any_listed_video_is_refused(source: Path) -> None:
    shutil.rmtree(source / "AVE")
    (source / "AVE").mkdir()
    with pytest.raises(UserError, match="None of the 84 listed videos is among the 0 in"):
        find_clips(source, None)


def test_the_folder_of_the_videos_is_refused_with_the_right_one(source: Path) -> None:
    with pytest.raises(UserError, match="give that one as --source") as refused:
        find_clips(source / "AVE", None)
    assert f"It seems to be {source}:" in str(refused.value)


@pytest.mark.parametrize(
    "row", ["Dog&EsfJpLbBeb4&good&0&10", "Cat&EsfJpLbBeb4&good&0", "Cat&EsfJpLbBeb4&good&0&ten"]
)
def test_a_row_of_another_form_or_class_is_refused(source: Path, row: str) -> None:
    (source / "valSet.txt").write_text(row)
    with pytest.raises(UserError, match=rf"valSet\.txt: row '{row}' .* AVE's 28 categories"):
        find_clips(source, None)


def test_a_missing_list_is_refused(source: Path) -> None:
    (source / "valSet.txt").unlink()
    with pytest.raises(UserError, match=r"valSet\.txt is missing: accepted are trainSet\.txt"):
        find_clips(source, None)


@pytest.mark.real_data
def test_the_official_lists_have_the_published_counts_and_order(official_lists: Path) -> None:
    events = read_events(official_lists / "ave", official_lists / "ave")
    assert {part: len(rows) for part, rows in events.items()} == {
        "train": 3339,
        "val": 402,
        "test": 402,
    }
    videos = {part: {row.video for row in rows} for part, rows in events.items()}
    assert [len(names) for names in videos.values()] == [3312, 401, 402]
    assert len(set.union(*videos.values())) == 4097
    assert list(dict.fromkeys(row.label for row in events["test"])) == list(range(len(CLASS_NAMES)))
    annotations = read_rows(official_lists / "ave" / "Annotations.txt")
    assert Counter(annotations) == Counter(row for rows in events.values() for row in rows)
