"""Run directories as `snnmm fit` leaves them, made of a few numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from snn_mm.analysis.report.naming import LIGHTNING_OBSERVERS, Library

LIBRARY = Library(
    {"IEMF": {"gamma": 1.0, "kappa": "tanh", "seed": None}, "Concat": {"unimodal": "heads"}},
    LIGHTNING_OBSERVERS | {"FiringRateMonitor"},
)

MakeRun = Callable[..., Path]


def config(**changes: Any) -> dict[str, Any]:
    """A config like those that runs save; keys with dots change it."""
    tree: dict[str, Any] = {
        "seed_everything": 0,
        "trainer": {"max_epochs": 2, "accelerator": "cpu", "callbacks": None},
        "model": {
            "class_path": "snn_mm.modules.IEMFModule",
            "init_args": {
                "encoders": {"audio": encoder(), "visual": encoder()},
                "fusion": {
                    "class_path": "snn_mm.fusion.Concat",
                    "init_args": {"unimodal": "heads"},
                },
                "joint_weight": 1.0,
                "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.05}},
            },
        },
        "data": {"class_path": "datamodules.DigitsAV", "init_args": {"root": "data", "seed": 0}},
        "run": {"root": "runs", "profile": None},
    }
    for key, value in changes.items():
        *path, last = key.split(".")
        place = tree
        for part in path:
            place = place[part]
            place = place.get("init_args", place)
        place[last] = value
    return tree


def encoder(neuron: str = "snn_mm.neurons.IEMFLIF", time_steps: int = 4) -> dict[str, Any]:
    """The config of an encoder."""
    init_args = {"neuron": neuron, "time_steps": time_steps}
    return {"class_path": "snn_mm.encoders.ConvNet", "init_args": init_args}


def iemf(**options: Any) -> list[dict[str, Any]]:
    """The callbacks of a run with IEMF."""
    return [{"class_path": "snn_mm.callbacks.IEMF", "init_args": {"gamma": 1.0, **options}}]


METRICS = """\
epoch,iemf/xi_epoch,step,train/accuracy/fused,val/accuracy/audio,val/accuracy/fused,val/loss
0,,4,,0.4,0.5,2.0
0,1.1,4,0.45,,,
1,,9,,0.5,0.7,1.5
1,1.3,9,0.65,,,
"""


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run directory: `make_run("a/1", seed=0, accuracy=0.8, **changes of the config)`."""

    def make(
        name: str,
        *,
        seed: int = 0,
        accuracy: float | None = 0.8,
        status: str = "finished",
        environment: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Path:
        path = tmp_path / "runs" / name
        (path / "checkpoints").mkdir(parents=True)
        test = {} if accuracy is None else {"test/accuracy/fused": accuracy}
        results = {"status": status, "error": None, "epochs": 2, "steps": 10, "test": test}
        facts = {"seed": seed, "started": f"2026-01-01T00:00:{seed:02d}+0000", "data": "d1"}
        facts["git"] = {"commit": "0123456789", "dirty": False}
        (path / "config.yaml").write_text(yaml.safe_dump(config(seed_everything=seed, **changes)))
        (path / "results.json").write_text(json.dumps(results))
        (path / "environment.json").write_text(json.dumps({**facts, **(environment or {})}))
        (path / "metrics.csv").write_text(METRICS)
        return path

    return make
