"""`snnmm features` as it is typed; the networks are tested beside `feature_makers.pretrained`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import resnet18

from snn_mm.cli import main

PROBE = "import sys; from snn_mm.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"


def test_without_a_name_it_shows_the_networks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features"]) == 0
    output = capsys.readouterr().out
    assert "usage: snnmm features NAME --videos DIR --weights PATH --output DIR" in output
    assert "videomae" in output
    assert "audiomae" in output
    assert "resnet18" in output


def test_the_names_need_no_torch() -> None:
    child = subprocess.run(
        [sys.executable, "-c", PROBE, "features"], capture_output=True, text=True, check=True
    )
    assert child.stdout.endswith("False\n")


@pytest.mark.slow
def test_maps_of_a_video_lie_where_music_avqa_reads_them(
    tmp_path: Path, write_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write_clip(tmp_path / "videos" / "00000028.mp4", 2.0)
    torch.save(resnet18().state_dict(), tmp_path / "w.pth")
    argv = ["features", "resnet18", "--videos", str(tmp_path / "videos"), "--workers", "1"]
    argv += ["--weights", str(tmp_path / "w.pth"), "--output", str(tmp_path / "out")]
    assert main(argv) == 0
    assert "1 videos encoded" in capsys.readouterr().out
    maps = np.load(tmp_path / "out" / "00000028.npy")
    assert (maps.shape, maps.dtype) == ((60, 512, 14, 14), np.float32)
    assert main(argv) == 0
    assert "0 videos encoded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "which --videos?"),
        (("--videos", "."), "which --weights?\naccepted for videomae: a directory with config"),
        (("--videos", ".", "--weights", "w"), "which --output?"),
        (("--videos", "nowhere", "--weights", "w", "--output", "o"), "--videos nowhere: no such"),
        (("--videos", ".", "--weights", "w", "--output", "o", "--workers", "0"), "--workers 0"),
        (("--videos", ".", "--weights", "w", "--output", "o", "--device", "gpu"), "--device gpu"),
        (
            ("--videos", ".", "--weights", "w", "--output", "o", "--frames_per_second", "0"),
            "--frames_per_second 0: accepted",
        ),
        (
            ("--videos", ".", "--weights", "w", "--output", "o", "--max_unreadable", "1"),
            "--max_unreadable 1.0: accepted are 0 to below 1",
        ),
        (("--front_end", "av_cil"), "videomae takes no --front_end; accepted: --frames_per_second"),
    ],
)
def test_mistakes_end_in_one_message(
    argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["features", "videomae", *argv]) == 2
    assert message in capsys.readouterr().err


def test_missing_weights_are_named(
    tmp_path: Path, write_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write_clip(tmp_path / "a.mp4", 0.3)
    argv = ["features", "videomae", "--videos", str(tmp_path), "--weights", str(tmp_path / "w")]
    assert main([*argv, "--output", str(tmp_path / "out")]) == 2
    assert "w is no directory; accepted is a directory with config.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
