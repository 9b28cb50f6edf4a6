"""`snnmm extract` as it is typed; the features themselves are tested in `feature_makers`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from datamodules.feature_files.store import FeatureStore
from snn_mm.cli import main

PROBE = "import sys; from snn_mm.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"
LABELS = "id,split,label,label_A,text\na,train,0.4,1,good\nb,valid,-1,0,bad\nc,test,0,0,so\n"


@pytest.fixture
def source(tmp_path: Path, write_clip: Callable[..., Path]) -> Path:
    """Return a folder of three clips and their labels."""
    folder = tmp_path / "source"
    for name in "abc":
        write_clip(folder / f"{name}.wav", 0.2)
    (folder / "labels.csv").write_text(LABELS)
    return folder


@pytest.fixture
def command(source: Path, tmp_path: Path) -> list[str]:
    """Return a command that extracts them."""
    argv = ["extract", "--clips", str(source), "--labels", str(source / "labels.csv")]
    return [*argv, "--name", "mine", "--root", str(tmp_path / "data"), "--workers", "1"]


def test_without_arguments_it_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract"]) == 0
    output = capsys.readouterr().out
    assert "usage: snnmm extract --clips DIR --labels FILE --name NAME" in output
    assert "label_T, label_A, label_V" in output


def test_clips_become_a_store(
    command: list[str], source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "labels.csv").write_text(LABELS + "d,test,0,0,gone\n")
    command += ["--variant", "released", "--max_unreadable", "0.3"]
    assert main(command) == 0
    output = capsys.readouterr().out
    store = FeatureStore(tmp_path / "data" / "prepared" / "mine")
    assert "mine         3 clips (1 train, 1 val, 1 test)" in output
    assert "audio        33 features, up to 9 steps, rated alone" in output
    assert "unreadable   1, listed in" in output
    assert f"fingerprint  {store.fingerprint[:16]}" in output
    assert f"--config {tmp_path / 'data' / 'extracted' / 'mine' / 'config.yaml'}" in output
    assert main(command) == 0
    assert "0 clips decoded" in capsys.readouterr().out
    assert FeatureStore(store.directory).fingerprint == store.fingerprint


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--clips", "nowhere"), "--clips nowhere: no such directory"),
        (("--openface", "nowhere"), "--openface nowhere: no such directory"),
        (("--labels", "nowhere"), "nowhere can't be read: No such file or directory"),
        (("--name", "../mine"), "--name '../mine': accepted are letters"),
        (("--variant", "other"), "variant is 'other'; accepted: paper, released"),
        (("--pitch", "crepe"), "pitch is 'crepe'; accepted: pyin, yin"),
        (("--groups", "pose,hair"), "groups is 'hair'; accepted: gaze, pose"),
        (("--frames_per_step", "0"), "frames_per_step is 0"),
        (("--workers", "0"), "--workers 0: accepted are 1 and more"),
        (("--max_unreadable", "1"), "--max_unreadable 1.0: accepted are 0 to below 1"),
        (("--text_encoder", "nowhere"), "text encoder nowhere: no such directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_leave_nothing(
    argv: tuple[str, ...],
    message: str,
    command: list[str],
    fails: Callable[..., str],
    tmp_path: Path,
) -> None:
    assert message in fails(*command, *argv)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("flag", ["--clips", "--labels", "--name"])
def test_what_is_missing_is_asked_for(
    flag: str, command: list[str], fails: Callable[..., str]
) -> None:
    at = command.index(flag)
    assert f"which {flag}?" in fails(*command[:at], *command[at + 2 :])


def test_help_needs_no_torch() -> None:
    child = subprocess.run(
        [sys.executable, "-c", PROBE, "extract"], capture_output=True, text=True, check=True
    )
    assert child.stdout.splitlines()[-1] == "False"
