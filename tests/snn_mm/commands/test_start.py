"""What a run imports before its first step: what it uses, and what that brings."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.cli import LightningArgumentParser

import datamodules
from snn_mm.commands.training_cli import TrainCLI
from snn_mm.config import class_names, data_facts
from snn_mm.config.class_names import import_named
from snn_mm.config.options import read_command
from snn_mm.config.tree import Entry
from snn_mm.run.identity import DIRECTORY_VARIABLE
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


def test_a_run_dumps_its_config_and_asks_its_data_once(
    monkeypatch: pytest.MonkeyPatch, quickstart: Path, tmp_path: Path
) -> None:
    asked: list[Any] = []
    dumped: list[str] = []
    build, dump = data_facts.built, LightningArgumentParser.dump

    def counted(parser: Any, *arguments: Any, **options: Any) -> str:
        text = dump(parser, *arguments, **options)
        dumped.extend([text] if "seed_everything:" in text else [])
        return text

    monkeypatch.setattr(data_facts, "built", lambda *given: asked.append(build(*given)) or asked[0])
    monkeypatch.setattr(LightningArgumentParser, "dump", counted)
    flags = [f"--config={quickstart}", f"--run.root={tmp_path}", "--trainer.logger=false"]
    monkeypatch.setenv(DIRECTORY_VARIABLE, "")  # which the run sets
    cli = TrainCLI(read_command(["fit", *flags]))
    assert (len(asked), len(dumped)) == (1, 1)
    assert cli.saved_config == dumped[0]
    assert cli.config_dump["model"]["init_args"]["num_classes"] == 10  # which the data know


WARM_PROBE = """
import importlib, json, os, sys
from contextlib import suppress
with suppress(ImportError):  # torchmetrics imports it where it is, and it starts a thread then
    importlib.import_module("onnxruntime")
threads = -len(os.listdir("/proc/self/task"))
import snn_mm.commands.warm
import torch
from snn_mm.neurons.loops.lif import forward_loop
threads += len(os.listdir("/proc/self/task"))
facts = {"threads": threads, "loops": len(forward_loop.signatures)}
print(json.dumps({**facts, "modules": sorted(sys.modules), "cuda": torch.cuda.is_initialized()}))
"""


def test_what_a_warm_sweep_forks_is_ready_and_has_no_thread_that_a_fork_would_lose() -> None:
    # OpenBLAS starts threads when it is imported, and stops them itself before a fork.
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WARM_PROBE]
    output = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=True)
    facts = json.loads(output.stdout)
    assert facts["threads"] == 0  # but for those of others
    assert facts["loops"] == 1  # compiled, or read from the cache
    assert not facts["cuda"]
    assert {"snn_mm.commands.training_cli", "datamodules.sentiment.pom"} <= set(facts["modules"])


def test_a_program_that_has_torch_keeps_its_collector() -> None:
    before = gc.get_freeze_count()
    with heavy_imports():
        assert gc.isenabled()
    assert gc.get_freeze_count() == before
