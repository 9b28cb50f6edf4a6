"""Run directories as `snnmm fit` leaves them, made of a few numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

MODULATION = "snn_mm.callbacks."


def callback(name: str, **options: Any) -> dict[str, Any]:
    return {"class_path": MODULATION + name, "init_args": options}


def network(modalities: Sequence[str], neuron: str, joint_weight: float) -> dict[str, Any]:
    encoder = {"class_path": "snn_mm.encoders.ConvNet", "init_args": {"neuron": neuron}}
    unimodal = "heads" if joint_weight else "shared"
    fusion = {"class_path": "snn_mm.fusion.Concat", "init_args": {"unimodal": unimodal}}
    init_args = {
        "encoders": dict.fromkeys(modalities, encoder),
        "fusion": fusion,
        "joint_weight": joint_weight,
    }
    return {"class_path": "snn_mm.modules.IEMFModule", "init_args": init_args}


def write_run(
    path: Path,
    *,
    seed: int = 0,
    callbacks: Sequence[dict[str, Any]] = (),
    joint_weight: float = 1.0,
    curve: Sequence[float] = (0.5, 0.7),
    xi: Sequence[float] = (),
    test: float = 0.8,
    data: str = "DigitsAV",
    modalities: Sequence[str] = ("audio", "visual"),
    neuron: str = "snn_mm.neurons.IEMFLIF",
    status: str = "finished",
) -> Path:
    """Write a run: its validation accuracy by epoch, ξ by epoch, and its test accuracy."""
    path.mkdir(parents=True)
    config = {
        "seed_everything": seed,
        "trainer": {"max_epochs": len(curve), "callbacks": list(callbacks)},
        "model": network(modalities, neuron, joint_weight),
        "data": {"class_path": f"datamodules.{data}", "init_args": {"root": "data"}},
    }
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    results = {"status": status, "test": {"test/accuracy/fused": test}}
    (path / "results.json").write_text(json.dumps(results))
    (path / "environment.json").write_text(
        json.dumps({"seed": seed, "started": f"2026-01-0{seed + 1}"})
    )
    lines = ["epoch,iemf/xi_epoch,step,val/accuracy/fused"]
    for epoch, accuracy in enumerate(curve):
        lines.append(f"{epoch},,{epoch},{accuracy}")
        if xi:
            lines.append(f"{epoch},{xi[epoch]},{epoch},")
    (path / "metrics.csv").write_text("\n".join(lines) + "\n")
    return path


def write_sentiment_run(
    path: Path,
    test: dict[str, float],
    val: dict[str, float] | None = None,
    *,
    seed: int = 0,
    **options: Any,
) -> Path:
    """Write a run of SGMT: its test metrics, the validation of its checkpoint, its options."""
    path.mkdir(parents=True)
    init_args = {"feature_dims": {"text": 3, "audio": 2, "visual": 2}, **options}
    config = {
        "seed_everything": seed,
        "trainer": {"max_epochs": 2},
        "model": {"class_path": "snn_mm.modules.SGMTModule", "init_args": init_args},
        "data": {"class_path": "datamodules.CHSimsV2", "init_args": {"root": "data"}},
    }
    (path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    results = {"status": "finished", "test": test, "best": {"validation": val or {}}}
    (path / "results.json").write_text(json.dumps(results))
    (path / "environment.json").write_text(
        json.dumps({"seed": seed, "started": f"2026-01-0{seed + 1}"})
    )
    return path
