"""N-MNIST files are decoded bit by bit, binned right, and refused when damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from datamodules.digits.nmnist import EventOptions, bin_events, list_recordings, read_events
from snn_mm.errors import UserError

Writer = Callable[..., None]


def test_events_are_decoded_as_they_were_written(tmp_path: Path, write_events: Writer) -> None:
    fields = [0, 33, 5], [33, 0, 7], [1, 0, 1], [0, 70_000, 2**23 - 1]
    write_events(tmp_path / "a.bin", *fields)
    decoded = read_events(tmp_path / "a.bin")
    assert [field.tolist() for field in decoded] == [list(field) for field in fields]


def test_an_overflow_of_the_clock_moves_what_comes_after_it(
    tmp_path: Path, write_events: Writer
) -> None:
    # Two in a row, wherever their x points, and one at the end.
    x, y = [1, 2, 0, 200, 3, 4, 0], [5, 6, 240, 240, 7, 8, 240]
    times = [100, 8000, 8191, 8191, 10, 20, 8191]
    write_events(tmp_path / "a.bin", x, y, [0, 1, 0, 1, 1, 0, 1], times)
    events = read_events(tmp_path / "a.bin")
    assert events.time.tolist() == [100, 8000, 10 + 2 * 8192, 20 + 2 * 8192]
    assert [field.tolist() for field in events[:3]] == [[1, 2, 3, 4], [5, 6, 7, 8], [0, 1, 1, 0]]
    assert bin_events(events, EventOptions(2))[1].sum() == 2


def test_overflows_alone_are_no_recording(tmp_path: Path, write_events: Writer) -> None:
    write_events(tmp_path / "7.bs2", [0, 0], [240, 240], [0, 0], [0, 0])
    with pytest.raises(UserError, match=r"7\.bs2 has overflows of its clock, but no event"):
        read_events(tmp_path / "7.bs2")


@pytest.mark.parametrize("bin_by", ["time", "count"])
@pytest.mark.parametrize("steps", [1, 3, 7])
def test_binning_equals_a_slow_loop(
    tmp_path: Path, bin_by: Literal["time", "count"], steps: int, write_random_events: Writer
) -> None:
    write_random_events(tmp_path / "a.bin", seed=1, events=500)
    events = read_events(tmp_path / "a.bin")
    expected = np.zeros((steps, 2, 34, 34), int)
    first, span = events.time[0], events.time[-1] - events.time[0] + 1
    for i, (x, y, p, t) in enumerate(zip(*events, strict=True)):
        step = int((t - first) / span * steps) if bin_by == "time" else int(i / 500 * steps)
        expected[step, p, y, x] += 1
    binned = bin_events(events, EventOptions(steps, bin_by))
    assert np.array_equal(binned, expected)
    assert binned.sum() == 500


def test_binning_by_count_does_not_depend_on_the_order_in_the_file(
    tmp_path: Path, write_events: Writer
) -> None:
    write_events(tmp_path / "a.bin", [1, 2, 3], [0, 0, 0], [0, 0, 0], [30, 10, 20])
    binned = bin_events(read_events(tmp_path / "a.bin"), EventOptions(3, "count"))
    assert [int(np.argmax(frame[0, 0])) for frame in binned] == [2, 3, 1]


def test_counts_are_held_at_255(tmp_path: Path, write_events: Writer) -> None:
    write_events(tmp_path / "a.bin", [1] * 300, [2] * 300, [1] * 300, list(range(300)))
    assert bin_events(read_events(tmp_path / "a.bin"), EventOptions(1))[0, 1, 2, 1] == 255


@pytest.mark.parametrize(
    ("value", "expected"),
    [("count", [0, 1, 3]), ("log1p", np.log([1, 2, 4])), ("binary", [0, 1, 1])],
)
def test_values_of_a_frame(
    value: Literal["count", "log1p", "binary"], expected: list[float]
) -> None:
    counts = np.array([0, 1, 3], np.uint8)
    np.testing.assert_allclose(EventOptions(value=value).transform(counts), expected, rtol=1e-6)


def test_the_official_layout_is_read(tmp_path: Path, write_random_events: Writer) -> None:
    for part, digit in (("Train", 3), ("Train", 7), ("Test", 0)):
        write_random_events(tmp_path / part / str(digit) / "00001.bin", seed=digit)
    found = [(recording.digit, recording.test) for recording in list_recordings(tmp_path)]
    assert found == [(3, False), (7, False), (0, True)]


def test_ghosts_of_macos_and_suffixes_in_capitals_change_nothing(
    tmp_path: Path, nmnist_dir: Path, write_random_events: Writer
) -> None:
    write_random_events(tmp_path / "Train" / "3" / "1.BIN", seed=0)
    (tmp_path / "Train" / "3" / "._1.BIN").touch()
    (tmp_path / "Train" / ".cache").mkdir()
    (tmp_path / "Train" / ".cache" / "1.bin").touch()
    assert [recording.path.name for recording in list_recordings(tmp_path)] == ["1.BIN"]
    (nmnist_dir / "._train1K.txt").write_bytes(b"\0\5\x16\7" * 50)
    (nmnist_dir / "3.bs2").rename(nmnist_dir / "3.BS2")
    found = list_recordings(nmnist_dir)
    assert len(found) == 50
    assert all(recording.path.is_file() for recording in found)


def test_a_recording_in_both_lists_is_refused(nmnist_dir: Path) -> None:
    with (nmnist_dir / "test100.txt").open("a") as file:
        file.write("\n12 2\n")
    with pytest.raises(UserError, match=r"12\.bs2 is listed 2 times in .*; accepted is once"):
        list_recordings(nmnist_dir)


def test_the_listed_layout_is_read(nmnist_dir: Path) -> None:
    found = list_recordings(nmnist_dir)
    assert sum(recording.test for recording in found) == 10
    assert all(recording.digit == int(recording.path.stem) % 10 for recording in found)


@pytest.mark.parametrize("size", [0, 4, 51])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, size: int) -> None:
    (tmp_path / "7.bs2").write_bytes(bytes(size))
    with pytest.raises(UserError, match=rf"7\.bs2 is truncated: {size} bytes"):
        read_events(tmp_path / "7.bs2")


@pytest.mark.parametrize(("x", "y"), [(34, 0), (0, 34), (255, 241)])
def test_a_pixel_outside_the_camera_is_refused_by_name(
    tmp_path: Path, x: int, y: int, write_events: Writer
) -> None:
    write_events(tmp_path / "7.bs2", [1, x], [1, y], [0, 0], [1, 2])
    with pytest.raises(UserError, match=r"7\.bs2 has the pixel .* accepted are 0 to 33"):
        read_events(tmp_path / "7.bs2")


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"7\.bs2 can't be read: No such file"):
        read_events(tmp_path / "7.bs2")


@pytest.mark.parametrize("label", ["10", "-1", "x"])
def test_a_label_out_of_range_in_a_list_is_refused(nmnist_dir: Path, label: str) -> None:
    (nmnist_dir / "train1K.txt").write_text(f"#sample #class\n12\t{label}\n")
    with pytest.raises(UserError, match=rf"Label {label} in .*train1K\.txt, index 12 is out of"):
        list_recordings(nmnist_dir)


def test_a_label_out_of_range_as_a_folder_is_refused(
    tmp_path: Path, write_random_events: Writer
) -> None:
    write_random_events(tmp_path / "Train" / "11" / "00001.bin", seed=0)
    with pytest.raises(UserError, match=r"Label 11 in .*Train/11 is out of range"):
        list_recordings(tmp_path)


def test_a_malformed_line_of_a_list_is_refused(nmnist_dir: Path) -> None:
    (nmnist_dir / "test100.txt").write_text("12 3 4\n")
    with pytest.raises(UserError, match=r"test100\.txt: '12 3 4' is not 'index label'"):
        list_recordings(nmnist_dir)


def test_a_missing_directory_says_where_to_get_the_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No event recordings in .*nowhere") as refused:
        list_recordings(tmp_path / "nowhere")
    assert "garrickorchard.com" in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 5


def test_no_time_steps_are_refused() -> None:
    with pytest.raises(UserError, match=r"events\.time_steps is 0"):
        EventOptions(time_steps=0)
