"""What a run imports before its first step: what it uses, and what that brings."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

import datamodules
from snn_mm.config import class_names
from snn_mm.config.class_names import import_named
from snn_mm.config.tree import Entry
from snn_mm.run.imports import heavy_imports

PROBE = """
import gc, json, sys
from snn_mm.cli import main
code = main(sys.argv[1:])
facts = {"code": code, "kept": gc.get_freeze_count(), "collects": gc.isenabled()}
print(json.dumps({**facts, "modules": sorted(sys.modules)}), file=sys.stderr)
"""

UNUSED = {
    "av",
    "h5py",
    "librosa.core",
    "pandas",
    "sklearn",
    "spikingjelly.datasets",
    "torchaudio",
    "torchvision.transforms.v2",
    "wandb",
    "datamodules.av_cil",
    "datamodules.clips",
    "datamodules.feature_files",
    "datamodules.incremental",
    "datamodules.music_avqa",
    "datamodules.sentiment",
    "feature_makers",
}
"""What other runs need; torchmetrics brings matplotlib, scipy, torchvision and librosa's stub."""


def test_the_quickstart_imports_nothing_that_only_other_runs_need(quickstart: Path) -> None:
    command = [sys.executable, "-c", PROBE, "fit", "--config", str(quickstart), "--print_config"]
    child = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    facts = json.loads(child.stderr.splitlines()[-1])
    assert facts["code"] == 0
    assert "datamodules.digits.digits_av" in facts["modules"]
    assert UNUSED.isdisjoint(facts["modules"])
    assert facts["kept"] > 100_000  # torch alone leaves more objects
    assert facts["collects"]


@pytest.mark.parametrize("name", ["POM", "datamodules.sentiment.pom.POM"])
def test_a_data_module_is_imported_when_it_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(class_names, "import_module", asked.append)
    monkeypatch.setattr(datamodules, "import_all", lambda: asked.append("all"))
    import_named([Entry(("data",), "x.yaml:1", name), Entry(("trainer", "logger"), "", None)])
    assert "datamodules.sentiment.pom" in asked
    assert "all" not in asked
    import_named([Entry(("data",), "x.yaml:1", "Unheard")])
    import_named([])  # for help, which lists them
    assert asked.count("all") == 2


def test_a_program_that_has_torch_keeps_its_collector() -> None:
    before = gc.get_freeze_count()
    with heavy_imports():
        assert gc.isenabled()
    assert gc.get_freeze_count() == before
