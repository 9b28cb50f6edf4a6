"""Writes the part of an experiment that extracted features decide."""

from __future__ import annotations

from pathlib import Path

import yaml

from datamodules.feature_files.store import SPLITS, FeatureStore
from snn_mm.run.replace import replacing

HEADER = (
    "# What the features of these clips are; `snnmm extract` wrote it. Put it behind a model's.\n"
)


def experiment_config(store: FeatureStore, root: Path, name: str) -> dict[str, object]:
    """Return a config to put behind that of an experiment on sentiment, as a second `--config`.

    Heads of single modalities learn their own scores where all modalities have one.

    Args:
        store: of the features.
        root: directory of the data.
        name: of the clips.
    """
    parts = [store.split(part).arrays for part in SPLITS]
    modalities = list(parts[0])
    model = {
        "modalities": modalities,
        "feature_dims": {m: int(parts[0][m].shape[2]) for m in modalities},
        "max_lengths": {m: max(int(part[m].shape[1]) for part in parts) for m in modalities},
        "labels": "own" if set(modalities) <= set(store.labelled_modalities) else "multimodal",
    }
    data = {"root": str(root), "name": name}
    return {
        "model": {"init_args": model},
        "data": {"class_path": "ExtractedFeatures", "init_args": data},
    }


def write_config(path: Path, store: FeatureStore, root: Path, name: str) -> None:
    """Write the config to a YAML file, which is replaced."""
    config = experiment_config(store, root, name)
    with replacing(path) as temporary:
        temporary.write_text(
            HEADER + yaml.safe_dump(config, sort_keys=False, default_flow_style=None)
        )
