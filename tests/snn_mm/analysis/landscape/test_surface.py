"""Landscapes of a trained toy: resumed, killed, in parallel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snn_mm.analysis.landscape.probe import Cut
from snn_mm.analysis.landscape.record import Search, measure_landscape
from snn_mm.analysis.landscape.settings import LandscapeSettings, Point
from snn_mm.analysis.landscape.surface import compute_surface, table_path
from snn_mm.analysis.workers import RunPlace
from snn_mm.config.restore import open_run
from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory, read_json
from snn_mm.run.lock import RunLock

SMALL = LandscapeSettings(resolution=3, samples=16)
MakeRun = Callable[[str], Path]


def table_of(run: Path, settings: LandscapeSettings = SMALL) -> Path:
    return table_path(open_run(run), settings)


@pytest.fixture(scope="module")
def undisturbed(trained: Path) -> str:
    compute_surface(RunPlace(trained), SMALL)
    return table_of(trained).read_text()


def test_rows_are_the_second_direction_and_the_middle_is_the_trained_network(trained: Path) -> None:
    surface = compute_surface(RunPlace(trained), SMALL)
    line = compute_surface(RunPlace(trained), LandscapeSettings(1, 3, samples=16))
    assert surface.loss.shape == (3, 3)
    assert line.loss.shape == (1, 3)
    np.testing.assert_array_equal(surface.profile[0], line.loss[0])
    assert surface.centre.loss == surface.loss[1, 1]
    assert surface.centre == line.centre


def test_a_stopped_computation_goes_on_to_the_same_file(
    make_run: MakeRun, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, measure, seen = make_run("stopped"), Cut.measure, []

    def stop_at_fifth(cut: Cut, point: Point) -> object:
        seen.append(point)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return measure(cut, point)

    monkeypatch.setattr(Cut, "measure", stop_at_fifth)
    with pytest.raises(KeyboardInterrupt):
        compute_surface(RunPlace(run), SMALL)
    compute_surface(RunPlace(run), SMALL)
    assert len(seen) == 5 + 5  # four are done, the fifth is done again
    assert table_of(run).read_text() == undisturbed


def test_nothing_is_computed_twice(
    make_run: MakeRun, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("twice")
    compute_surface(RunPlace(run), SMALL)
    monkeypatch.setattr(Cut, "measure", lambda *_: pytest.fail("computed again"))
    compute_surface(RunPlace(run), SMALL)
    assert table_of(run).read_text() == undisturbed


def test_progress_hears_of_every_point(make_run: MakeRun) -> None:
    heard: list[tuple[int, int]] = []
    compute_surface(RunPlace(make_run("heard")), SMALL, progress=lambda *done: heard.append(done))
    assert heard == [(count, 9) for count in range(1, 10)]


def test_other_weights_have_another_file(make_run: MakeRun, undisturbed: str) -> None:
    run = make_run("other")
    before = table_of(run)
    run.joinpath("checkpoints", "best.ckpt").write_bytes(b"other")
    assert table_of(run) != before


def test_two_processes_do_not_write_into_one_file(make_run: MakeRun) -> None:
    run = make_run("locked")
    (run / "landscape").mkdir()
    code = (
        "import sys; from pathlib import Path; from snn_mm.run.lock import RunLock; "
        "from snn_mm.run.directory import RunDirectory; "
        "lock = RunLock(RunDirectory(Path(sys.argv[1]))); lock.acquire(); "
        "print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(run / "landscape")]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="in use by another process"):
            compute_surface(RunPlace(run), SMALL)
        holder.communicate("\n")
    assert RunLock(RunDirectory(run / "landscape")).is_free()


@pytest.mark.slow
def test_processes_do_not_change_a_digit(make_run: MakeRun, undisturbed: str) -> None:
    run = make_run("parallel")
    compute_surface(RunPlace(run), SMALL, jobs=2)
    assert table_of(run).read_text() == undisturbed


@pytest.mark.slow
def test_a_killed_command_leaves_no_worker_and_goes_on_to_the_same_file(make_run: MakeRun) -> None:
    run, settings = make_run("killed"), LandscapeSettings(resolution=21, samples=40)
    command = [sys.executable, "-m", "snn_mm", "analyse", "landscape", str(run)]
    command += ["--samples", "40", "--jobs", "2", "--sharpness_steps", "1"]
    process = subprocess.Popen(command, start_new_session=True, stdout=-3, stderr=-3)
    wait_until(lambda: table_of(run, settings).is_file() and count_lines(run, settings) > 20)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: is_empty_session(process.pid))
    assert count_lines(run, settings) < 441
    compute_surface(RunPlace(run), settings)
    whole = make_run("whole")
    compute_surface(RunPlace(whole), settings)
    assert table_of(run, settings).read_text() == table_of(whole, settings).read_text()


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def count_lines(run: Path, settings: LandscapeSettings) -> int:
    return table_of(run, settings).read_text().count("\n")


def is_empty_session(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_record_keeps_settings_and_sharpness_and_searches_once(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, search = make_run("record"), Search(radii=(0.1, 1.0), steps=4, starts=2)
    landscape = measure_landscape(RunPlace(run), SMALL, search)
    content = read_json(table_of(run).with_suffix(".json"))
    assert content["settings"]["resolution"] == 3
    assert content["loss"] == landscape.surface.centre.loss
    assert [entry["radius"] for entry in content["sharpness"]] == [0.1, 1.0]
    assert content["sharpness"][0]["scope"] == "fusion"
    assert 0 < content["sharpness"][0]["value"] < content["sharpness"][1]["value"]
    monkeypatch.setattr("snn_mm.analysis.landscape.record.sharpness", lambda *_, **__: 1 / 0)
    assert measure_landscape(RunPlace(run), SMALL, search).sharpness == landscape.sharpness
    with pytest.raises(ZeroDivisionError):
        measure_landscape(RunPlace(run), SMALL, Search(radii=(0.2,), steps=4, starts=2))


def test_sharpness_of_the_network_is_not_below_that_of_its_fusion(make_run: MakeRun) -> None:
    run = RunPlace(make_run("scopes"))
    found = [
        measure_landscape(run, SMALL, Search((0.3,), scope, steps=8, starts=1)).sharpness[0].value
        for scope in ("fusion", "network")
    ]
    assert 0 < found[0] <= found[1]
