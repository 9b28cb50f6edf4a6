"""Tables of clips: the project's own columns, and those of CH-SIMS."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from feature_makers.extract.labels import read_labels
from snn_mm.errors import UserError

OWN = "id,split,label,text\na,train,0.4,good\nb,valid,-1,bad\nc,test,0,so\n"


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_a_row_is_a_clip(tmp_path: Path) -> None:
    (tmp_path / "a.MKV").touch()
    rows = read_labels(write(tmp_path, OWN), tmp_path)
    assert [row.clip.part for row in rows] == ["train", "val", "test"]
    assert [row.score for row in rows] == [0.4, -1, 0]
    assert [row.text for row in rows] == ["good", "bad", "so"]
    assert rows[0].clip.sound == rows[0].clip.picture == tmp_path / "a.MKV"
    assert rows[0].unimodal == {}


def test_ch_sims_own_table_is_read(tmp_path: Path) -> None:
    clip = tmp_path / "video_0001" / "0002.mp4"
    clip.parent.mkdir()
    clip.touch()
    header = "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode\n"
    path = write(tmp_path, header + "video_0001,0002,我不想,-0.6,-1,0.2,-0.4,Negative,train\n")
    (row,) = read_labels(path, tmp_path, openface=tmp_path / "tables")
    assert row.clip.id == "video_0001$_$0002"
    assert row.clip.sound == clip
    assert row.clip.picture == tmp_path / "tables" / "video_0001" / "0002.csv"
    assert row.unimodal == {"text": -1, "audio": 0.2, "visual": -0.4}
    assert row.text == "我不想"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,split,label\n", "no column id; accepted"),
        ("clip_id,mode,label\n", "no column video_id"),
        ("id,label\n", "no column split"),
        ("", "no column id, split, label"),
        ("id,split,label\n", "has no row"),
        ("id,split,label\na,train,nan\n", "line 2: label is 'nan'"),
        ("id,split,label\na,train,good\n", "line 2: label is 'good'"),
        ("id,split,label,label_A\na,train,1,\n", "line 2: label_A is ''"),
        ("id,split,label\na,dev,1\n", "line 2: split 'dev'; accepted are train, valid, val, test"),
        ("id,split,label\na,train\n", "line 2: not as many cells"),
        ("id,split,label\na,train,1,2\n", "line 2: not as many cells"),
        ("id,split,label\n,train,1\n", "line 2: the clip has no id"),
        (OWN + "a,test,1,again\n", "2 rows are of clip 'a'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_labels(write(tmp_path, text), tmp_path)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"labels\.csv:5: no text in UTF-8"):
        read_labels(write(tmp_path, OWN + "d,test,0,我\n", "gb18030"), tmp_path)


def test_ghosts_of_macos_are_no_clips_and_suffixes_compare_without_case(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    (tables / "more").mkdir(parents=True)
    for name in ("a.Mp4", "._a.mp4", "._a.wav", ".Trashes.mp4", "tables/a.CSV", "tables/._a.csv"):
        (tmp_path / name).touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = read_labels(write(tmp_path, OWN), tmp_path, tables)[0]
    assert (row.clip.sound, row.clip.picture) == (tmp_path / "a.Mp4", tables / "a.CSV")


def test_a_film_without_a_row_is_counted(tmp_path: Path) -> None:
    for name in ("a.mp4", "z.webm"):
        (tmp_path / name).touch()
    with pytest.warns(UserWarning, match=r"1 clips have no row in labels\.csv; .*\(z\.webm\)"):
        read_labels(write(tmp_path, OWN), tmp_path)


def test_two_files_of_one_clip_are_refused(tmp_path: Path) -> None:
    for suffix in (".mp4", ".wav"):
        (tmp_path / f"a{suffix}").touch()
    with pytest.raises(UserError, match=r"a\.mp4 and .*a\.wav are one clip's"):
        read_labels(write(tmp_path, OWN), tmp_path)
