"""Small whole files in the layouts that readers read, all made up."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import soundfile
import torch
import yaml
from PIL import Image

from datamodules.store.clip import Clip, DecodedClip
from datamodules.store.journal import describe_source
from datamodules.store.writer import ClipStoreWriter
from snn_mm.run.directory import RunDirectory
from snn_mm.run.metrics_file import MetricsFile

OPTIONS: dict[str, object] = {"jpeg_quality": 95, "frames_per_second": 1.0}
RNG = np.random.default_rng(0)


def config() -> dict[str, Any]:
    """A config as runs save it."""
    encoder = {
        "class_path": "snn_mm.encoders.ConvNet",
        "init_args": {"neuron": "snn_mm.neurons.IEMFLIF", "time_steps": 4},
    }
    fusion = {"class_path": "snn_mm.fusion.Concat", "init_args": {"unimodal": "heads"}}
    optimizer = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.05}}
    model = {
        "encoders": {"audio": encoder, "visual": dict(encoder)},
        "fusion": fusion,
        "optimizer": optimizer,
    }
    callbacks = [{"class_path": "snn_mm.callbacks.IEMF", "init_args": {"gamma": 1.0}}]
    return {
        "seed_everything": 0,
        "trainer": {"max_epochs": 2, "accelerator": "cpu", "callbacks": callbacks},
        "model": {"class_path": "snn_mm.modules.IEMFModule", "init_args": model},
        "data": {"class_path": "datamodules.DigitsAV", "init_args": {"root": "data", "seed": 0}},
        "run": {"root": "runs", "profile": None},
    }


def text(path: Path, content: str) -> Path:
    """Write text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def run(folder: Path) -> list[Path]:
    """A finished run."""
    test = {"test/accuracy/fused": 0.9, "test/accuracy/audio": 0.5, "test/loss/fused": 0.3}
    results = {
        "status": "finished",
        "epochs": 2,
        "train_seconds": 12.5,
        "test": test,
        "train": {"train/loss/fused": 0.2},
        "best": {"monitor": "val/accuracy/fused", "score": 0.8, "epoch": 1, "validation": {}},
        "evaluations": {"test": {"best.ckpt": test}},
    }
    environment = {
        "started": "2026-01-01T00:00:00+00:00",
        "seed": 0,
        "data": "0123456789abcdef",
        "versions": {"torch": "2.11.0"},
        "git": {"commit": "0123456789", "dirty": False},
        "earlier_attempts": [],
        "class_folders": [],
    }
    energy = {
        "cost_model": {"mac_pj": 4.6},
        "total": {"compute_pj": 10.5},
        "parts": {"audio": {"compute_pj": 10.5}},
        "ann_twin": {"compute_pj": 50.0},
        "without_rule": {"x": 0},
    }
    rows = MetricsFile(RunDirectory(folder))
    for step in range(6):
        rows.log_metrics({"epoch": step // 3, "val/accuracy/fused": 0.5 + step / 10}, step)
        rows.log_metrics({"epoch": step // 3, "iemf/xi_epoch": 0.1 * step}, step)
    rows.save()
    factors = "".join(f"{step},{step // 3},ogm/audio,{step / 9}\n" for step in range(6))
    layers = "".join(f"{e},val,audio,conv{e},0.{e},0.0,0.1\n" for e in range(3))
    return [
        folder / "metrics.csv",
        text(folder / "config.yaml", yaml.safe_dump(config(), sort_keys=False)),
        text(folder / "results.json", json.dumps(results, indent=2)),
        text(folder / "environment.json", json.dumps(environment, indent=2)),
        text(folder / "energy.json", json.dumps(energy, indent=2)),
        text(folder / "factors.csv", f"step,epoch,name,value\n{factors}"),
        text(folder / "spikes.csv", f"epoch,stage,modality,layer,rate,silent,saturated\n{layers}"),
    ]


def histograms(folder: Path) -> list[Path]:
    """Membrane potentials of a run."""
    arrays: dict[str, Any] = {
        "epoch": np.arange(3),
        "stage": np.array(["train", "val", "test"]),
        "modality": np.array(["audio"] * 3),
        "layer": np.array(["conv"] * 3),
        "counts": np.ones((3, 12), np.int64),
        "edges": np.linspace(-1, 1, 11),
    }
    np.savez_compressed(folder / "spikes.npz", **arrays)
    return [folder / "spikes.npz"]


def checkpoint(folder: Path) -> list[Path]:
    """A checkpoint as Lightning writes it."""
    state = {"encoders.audio.weight": torch.randn(3, 4), "encoders.audio.bias": torch.zeros(3)}
    content = {
        "epoch": 1,
        "global_step": 6,
        "pytorch-lightning_version": "2.6.4",
        "state_dict": state,
        "loops": {"fit_loop": {"epoch_progress": {"total": {"processed": 1}}}},
        "callbacks": {"RunRecord": {"config": yaml.safe_dump(config())}},
        "optimizer_states": [{"state": {0: {"momentum_buffer": torch.zeros(3)}}}],
        "lr_schedulers": [],
    }
    torch.save(content, folder / "last.ckpt")
    torch.save(state, folder / "state.ckpt", _use_new_zipfile_serialization=False)
    return [folder / "last.ckpt", folder / "state.ckpt"]


def clip(folder: Path, name: str) -> Clip:
    """A clip of which a sound is there."""
    sound = folder / "source" / f"{name}.wav"
    if not sound.is_file():
        wav(sound.parent, sound.name)
    return Clip(name, "ab".index(name) % 2, "train", sound, sound)


def wav(folder: Path, name: str = "a.wav") -> list[Path]:
    """A short recording."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / name, RNG.normal(0, 0.1, 400), 8000)
    return [folder / name]


def clip_store(folder: Path) -> list[Path]:
    """A finished store of two clips."""
    store = folder / "prepared" / "crema_d"
    store.mkdir(parents=True)
    picture = folder / "a.jpg"
    Image.fromarray(RNG.integers(0, 255, (20, 24, 3), np.uint8)).save(picture)
    with ClipStoreWriter(store, OPTIONS) as writer:
        clips = [clip(folder, name) for name in "ab"]
        for each in clips:
            frames = [picture.read_bytes()] * 2
            sound = np.arange(50, dtype=np.int16)
            writer.add(each, DecodedClip(8000, sound, frames, describe_source(each)))
        writer.finish(clips, ("x", "y"), {"unreadable": 0})
    names = ("store.json", "clips.npy", "frames.npy", "frames.bin", "journal.jsonl")
    return [store / name for name in names]


def arrays(folder: Path) -> list[Path]:
    """Arrays of several types."""
    np.save(folder / "a.npy", RNG.normal(size=(5, 3)).astype(np.float32))
    np.save(folder / "b.npy", np.asfortranarray(np.arange(12).reshape(3, 4)))
    np.save(folder / "c.npy", np.array(["x", "yy"]))
    return [folder / f"{name}.npy" for name in "abc"]


def rows(path: Path, content: list[list[Any]]) -> Path:
    """Write a table with commas."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(content)
    return path


def hdf5(path: Path, content: dict[str, Any]) -> Path:
    """Write data sets, one of them compressed."""
    with h5py.File(path, "w", locking=False) as file:
        for name, values in content.items():
            packed = {} if values.ndim < 3 else {"chunks": True, "compression": "gzip"}
            file.create_dataset(name, data=values, **packed)
    return path
