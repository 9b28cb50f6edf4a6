"""Tables of OpenFace against averages taken by loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from openface_table import column_names, write_table

from datamodules.store.clip import ClipNote, UnreadableClipError
from feature_makers.extract.openface import read_openface
from feature_makers.extract.options import GROUPS

SUCCESS = [1, 0, 1, 1, 0, 0, 1]
FEATURES = np.random.default_rng(0).normal(size=(len(SUCCESS), 709))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "clip.csv", FEATURES, SUCCESS)


@pytest.mark.parametrize(
    ("groups", "width"),
    [
        (("gaze",), 288),
        (("pose",), 6),
        (("landmarks",), 340),
        (("shape",), 40),
        (("action_units",), 35),
        (("landmarks_2d", "action_units", "pose"), 177),
        (tuple(GROUPS), 709),
    ],
)
def test_groups_have_the_published_widths(table: Path, groups: tuple[str, ...], width: int) -> None:
    assert read_openface(table, groups).shape == (len(SUCCESS), width)


def test_a_frame_without_a_face_is_zeros(table: Path) -> None:
    expected = FEATURES * np.array(SUCCESS)[:, None]
    np.testing.assert_allclose(read_openface(table), expected, rtol=1e-6)


def test_columns_keep_the_order_of_the_table(table: Path) -> None:
    names = column_names()[5:]
    wanted = [names.index("pose_Tx"), names.index("AU01_r")]
    found = read_openface(table, ("action_units", "pose"))
    np.testing.assert_allclose(found[0, [0, 6]], FEATURES[0, wanted], rtol=1e-6)


def test_a_step_is_the_mean_of_its_frames_with_a_face(table: Path) -> None:
    found = read_openface(table, frames_per_step=3)
    frames = [[0, 2], [3], [6]]
    for step, tracked in zip(found, frames, strict=True):
        np.testing.assert_allclose(step, FEATURES[tracked].mean(axis=0), rtol=1e-5)


def test_a_step_without_any_face_is_zeros(tmp_path: Path) -> None:
    path = write_table(tmp_path / "clip.csv", FEATURES[:4], [1, 1, 0, 0], separator=",")
    assert not read_openface(path, frames_per_step=2)[1].any()


def test_a_frame_with_nan_counts_as_without_a_face(table: Path) -> None:
    first = repr(float(FEATURES[0, 0]))
    table.write_text(table.read_text().replace(first, "-nan(ind)"))
    with pytest.warns(ClipNote, match=r"clip\.csv: NaN in frames with a face"):
        assert not read_openface(table)[0].any()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("frame,", "number,", "no frame: no full OpenFace 2 table"),
        ("pose_", "head_", "no pose: no full OpenFace 2 table"),
        ("\n2, 0", "\n1, 1", "several faces"),
        ("0, 0.067", "", "could not convert|number of columns|invalid"),
    ],
)
def test_another_table_is_refused(table: Path, before: str, after: str, message: str) -> None:
    table.write_text(table.read_text().replace(before, after))
    with pytest.raises(UnreadableClipError, match=message):
        read_openface(table)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_that_ends_early_is_refused(table: Path, rows: int) -> None:
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *[line[:200] for line in lines[1 : 1 + rows]]]))
    with pytest.raises(UnreadableClipError, match=r"clip\.csv"):
        read_openface(table)


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(UnreadableClipError, match="FeatureExtraction -f CLIP -out_dir DIR"):
        read_openface(tmp_path / "clip.csv")
