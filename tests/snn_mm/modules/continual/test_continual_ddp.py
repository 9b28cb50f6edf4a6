"""Two ranks against one process on the union of their batches, over three tasks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return matrix and weights by `<ranks>-<rank>`."""
    folder = tmp_path_factory.mktemp("ddp")
    script = Path(__file__).with_name("ddp_continual.py")
    paths = [str(script.parents[1]), *sys.path]  # the former for its conftest
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    for devices in (1, 2):
        command = [sys.executable, str(script), str(devices), str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=240, env=environment)
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.mark.slow
def test_replicas_stay_equal_through_growth_and_equal_one_process(
    records: dict[str, dict[str, Any]],
) -> None:
    assert records["2-0"] == records["2-1"]
    assert records["2-0"]["matrix"] == records["1-0"]["matrix"]
    assert records["2-0"]["weights"] == pytest.approx(records["1-0"]["weights"], abs=1e-6)
