"""Two ranks whose samples lack different modalities against one process on all of them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch


@pytest.mark.slow
@pytest.mark.parametrize("network", ["SGMT-pairwise-zeros", "MFN-"])
def test_two_ranks_train_as_one_process(network: str, tmp_path: Path) -> None:
    """In float64; also where a modality is absent throughout on one rank alone."""
    script = Path(__file__).with_name("absence_ddp.py")
    for devices in ("1", "2"):
        command = [sys.executable, str(script), devices, str(tmp_path), network]
        subprocess.run(command, check=True, capture_output=True, timeout=240)
    one = torch.load(tmp_path / "1-0.pt", weights_only=True)
    for rank in (0, 1):
        own = torch.load(tmp_path / f"2-{rank}.pt", weights_only=True)
        assert own["weights"].keys() == one["weights"].keys()
        for name, value in one["weights"].items():
            torch.testing.assert_close(own["weights"][name], value, rtol=1e-9, atol=1e-11)
        for name, value in one["logged"].items():
            if name.startswith("train/loss/"):
                torch.testing.assert_close(own["logged"][name], value, rtol=1e-6, atol=1e-6)
