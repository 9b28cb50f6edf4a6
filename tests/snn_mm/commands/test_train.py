import subprocess
import sys

import pytest

from snn_mm.cli import main
from snn_mm.commands.train import short_help

WITHOUT_TORCH = """
import sys
from snn_mm.cli import main
main(sys.argv[1:])
assert "torch" not in sys.modules, "torch was imported"
"""


@pytest.mark.parametrize("argv", [["fit", "--help"], ["fit", "--config", "none.yaml"]])
def test_help_and_a_missing_config_answer_without_torch(argv: list[str]) -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *argv], check=True, capture_output=True)


@pytest.mark.parametrize("stage", ["fit", "validate", "test", "predict"])
def test_help_fits_a_screen_and_points_to_more(stage: str) -> None:
    text = short_help(stage)
    assert len(text.splitlines()) <= 30
    assert max(map(len, text.splitlines())) <= 100
    assert "--print_config" in text
    assert "snnmm list KEY" in text


def test_the_full_help_stays_within_reach(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--help=full"]) == 0
    assert "--trainer.gradient_clip_val" in capsys.readouterr().out
