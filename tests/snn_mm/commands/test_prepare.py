"""`snnmm prepare` as it is typed; how clips are prepared is tested beside `datamodules.store`."""

from __future__ import annotations

import csv
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from datamodules.store.clip import ClipNote
from datamodules.store.registry import DATA_SETS, load_finder
from datamodules.store.store import ClipStore
from snn_mm.cli import main
from snn_mm.commands import processing
from snn_mm.commands.processing import ClipProgress, notes_as_lines

PROBE = "import sys; from snn_mm.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"


def test_without_a_name_it_lists_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare"]) == 0
    output = capsys.readouterr().out
    for name in DATA_SETS:
        assert f"snnmm prepare {name} --source" in output


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_data_set_has_a_finder(name: str) -> None:
    finder = load_finder(name)
    assert finder.CLASS_NAMES
    assert finder.LAYOUT
    assert callable(finder.find_clips)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("crema-d",), "did you mean 'crema_d'?"),
        (("kinetic",), "did you mean 'kinetics_sounds'?"),
        (("imagenet",), "accepted: ave, crema_d, kinetics_sounds, urbansound8k_av"),
        (("crema_d",), "which --source?\naccepted for crema_d: VideoFlash/"),
        (("crema_d", "--source", "nowhere"), "nowhere: no such directory\naccepted for crema_d"),
        (("crema_d", "--source", "."), "does not hold VideoFlash and AudioWAV"),
        (("crema_d", "--source", ".", "--lists", "none"), "--lists none: no such directory"),
        (("crema_d", "--source", ".", "--workers", "0"), "--workers 0: accepted are 1 and more"),
        (("crema_d", "--source", ".", "--max_unreadable", "2"), "accepted are 0 to below 1"),
        (("crema_d", "--source", ".", "--frames_per_second", "0"), "frames_per_second is 0.0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_leave_nothing(
    argv: tuple[str, ...],
    message: str,
    fails: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fails("prepare", *argv)
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_is_prepared_with_one_command(
    crema_d_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = str(crema_d_dir / "lists")
    command = ["prepare", "crema_d", "--source", str(crema_d_dir), "--lists", lists]
    command += ["--root", str(tmp_path), "--workers", "2"]
    assert main(command) == 0
    store = ClipStore(tmp_path / "prepared" / "crema_d")
    output = capsys.readouterr().out
    assert "crema_d      18 clips (12 train, 6 test), 6 classes" in output
    assert f"fingerprint  {store.fingerprint}" in output
    assert f"snnmm fit --config experiments/iemf_cremad.yaml --data.root {tmp_path}" in output
    assert main(command) == 0
    assert "0 clips decoded" in capsys.readouterr().out


def test_what_cannot_be_read_is_named(
    crema_d_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    for path in crema_d_dir.rglob("*.*"):
        copy = source / path.relative_to(crema_d_dir)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(path)
    text, broken, piped = sorted((source / "AudioWAV").iterdir())[:3]
    before, after = piped.read_bytes().split(b"data", 1)
    content = before + b"data\x00\xf0\xff\x7f" + after[4:]  # as SoX writes it to a pipe
    for path in (text, broken, piped):
        path.unlink()  # the link
    text.write_text("no sound " * 40)
    soundfile.write(broken, np.full(8000, np.nan), 16000, subtype="FLOAT")
    piped.write_bytes(content)
    command = ["prepare", "crema_d", "--source", str(source), "--root", str(tmp_path)]
    assert main([*command, "--max_unreadable", "0.2"]) == 0
    listing, output = tmp_path / "prepared" / "crema_d" / "unreadable.tsv", capsys.readouterr().out
    assert f"2, listed in {listing}" in output
    assert f"taken whole as it is: 1 files ({piped.name})" in output
    (first, _, *_), (second, reason, *_) = csv.reader(
        listing.read_text().splitlines()[1:], delimiter="\t"
    )
    assert (first, second) == (text.stem, broken.stem)
    assert reason == f"{broken.name} holds NaN or infinity near 0.0 s"


@pytest.mark.parametrize("argv", [["prepare"], ["prepare", "nothing"]], ids=" ".join)
def test_help_and_mistakes_need_no_torch(argv: list[str]) -> None:
    child = subprocess.run(
        [sys.executable, "-c", PROBE, *argv], capture_output=True, text=True, check=True
    )
    assert child.stdout.splitlines()[-1] == "False"


def test_preparing_needs_no_torch(crema_d_dir: Path, tmp_path: Path) -> None:
    command = ["prepare", "crema_d", "--source", str(crema_d_dir), "--root", str(tmp_path)]
    child = subprocess.run(
        [sys.executable, "-c", PROBE, *command], capture_output=True, text=True, check=True
    )
    assert child.stdout.splitlines()[-1] == "False"


def test_notes_of_one_reason_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with notes_as_lines():
        for name in ("d.wav", "a.wav", "c.wav", "b.wav", "a.wav"):
            warnings.warn(ClipNote("too loud", name), stacklevel=1)
        warnings.warn("3 clips are in no list", stacklevel=1)
        warnings.warn(ClipNote("too long", "a.mp4"), stacklevel=1)
    assert capsys.readouterr().out.splitlines() == [
        "note: too loud: 4 files (a.wav, b.wav, c.wav, ...)",
        "note: 3 clips are in no list",
        "note: too long: 1 files (a.mp4)",
    ]


def test_a_log_file_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(processing.time, "monotonic", lambda: float(next(clock)))
    with ClipProgress(is_terminal=False) as progress:
        for done in range(5, 13):
            progress(done, 12, done // 10)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "going on: 5 of 12 clips were prepared before"
    assert 2 <= len(lines[1:]) <= 5
    assert all("/12 clips" in line and "left" in line for line in lines[1:-1])


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with ClipProgress(is_terminal=True) as progress:
        progress(0, 3, 0)
        progress(1, 3, 1)
        assert progress._bar is not None
        assert progress._bar.tasks[0].completed == 1
        assert "1 unreadable" in progress._bar.tasks[0].description
    assert not progress._bar.live.is_started
