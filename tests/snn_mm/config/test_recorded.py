"""Configs as earlier versions recorded them, with the names of their time, still build."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from snn_mm.config.restore import build
from snn_mm.run.directory import RunDirectory

RECORDED = Path(__file__).with_name("recorded")


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.yaml")), ids=lambda file: file.stem)
def test_model_and_data_of_a_recorded_config_are_built(file: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(file.read_text())
    built = build(config, RunDirectory(tmp_path))
    for part in ("model", "data"):
        assert type(built[part]).__name__ == config[part]["class_path"].rpartition(".")[2]
