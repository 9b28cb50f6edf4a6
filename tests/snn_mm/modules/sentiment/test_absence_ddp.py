"""Two ranks whose samples lack different modalities against one process on all of them."""

from pathlib import Path

import numpy as np
import pytest
from toy_training import ranks_of


@pytest.mark.slow
@pytest.mark.parametrize("network", ["SGMT-pairwise-zeros", "MFN-"])
def test_two_ranks_train_as_one_process(network: str, tmp_path: Path) -> None:
    """In float64; also where a modality is absent throughout on one rank alone."""
    script = Path(__file__).with_name("absence_ddp.py")
    found = ranks_of(script, tmp_path, (1, 2), network)
    one = found["1-0"]
    for own in (found["2-0"], found["2-1"]):
        assert own["weights"].keys() == one["weights"].keys()
        for name, value in one["weights"].items():
            np.testing.assert_allclose(own["weights"][name], value, rtol=1e-9, atol=1e-11)
        for name, value in one["logged"].items():
            if name.startswith("train/loss/"):
                assert own["logged"][name] == pytest.approx(value, rel=1e-6, abs=1e-6)
