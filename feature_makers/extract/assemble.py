"""Writes the features of many clips as one store that training reads, and its part of a config."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from datamodules.feature_files.store import SPLITS, STORE, FeatureStore, SplitContent, write_store
from feature_makers.extract.engine import FeatureCache
from feature_makers.extract.labels import LabelledUtterance
from snn_mm.errors import UserError
from snn_mm.run.directory import read_json
from snn_mm.run.replace import replacing

MADE_BY = "snnmm extract"
HEADER = (
    "# What the features of these clips are; `snnmm extract` wrote it. Put it behind a model's.\n"
)


def assemble(
    directory: Path,
    utterances: Sequence[LabelledUtterance],
    cache: FeatureCache,
    modalities: Sequence[str],
    options: Mapping[str, object],
) -> FeatureStore:
    """Write a store of the features that lie in a cache; memory holds one clip at a time.

    Sound and sight are cut to `common_length`, transcripts to none: they were before.

    Args:
        directory: of the store; one that was extracted before is replaced.
        utterances: the clips, whose features must be in the cache.
        cache: where they lie.
        modalities: which of them to write.
        options: what the store's manifest says of how they were made.

    Raises:
        UserError: a split has no clip, features differ in width, or something else is there.
    """
    check_replaceable(directory)
    check_splits(utterances)
    steps = {name: _common_steps(name, utterances, cache) for name in modalities}
    with tempfile.TemporaryDirectory(prefix=".assembling-", dir=cache.directory) as scratch:
        splits = {
            part: _split(
                Path(scratch) / part, [u for u in utterances if u.clip.part == part], cache, steps
            )
            for part in SPLITS
        }
        write_store(directory, splits, {"made_by": MADE_BY, **options})
    return FeatureStore(directory)


def common_length(lengths: NDArray[np.int64]) -> int:
    """Return the steps to cut sequences to: mean plus three deviations, at most the longest.

    The rule of the released files (`data/DataPre.py` of thuiar/Self-MM), where a few very long
    clips would otherwise decide the size of all.

    Args:
        lengths: of all clips, `[N]`.
    """
    return max(1, min(int(lengths.max()), int(lengths.mean() + 3 * lengths.std())))


def check_replaceable(directory: Path) -> None:
    """Refuse to replace what this command has not made.

    Raises:
        UserError: something else lies in the directory.
    """
    if not directory.exists():
        return
    source = read_json(directory / STORE).get("source")
    if not isinstance(source, dict) or source.get("made_by") != MADE_BY:
        raise UserError(
            f"{directory} is there and was not made by `{MADE_BY}`; accepted is another --name."
        )


def check_splits(utterances: Sequence[LabelledUtterance]) -> None:
    """Refuse clips that leave a split empty.

    Raises:
        UserError: names the split.
    """
    for part in SPLITS:
        if not any(utterance.clip.part == part for utterance in utterances):
            raise UserError(
                f"no readable clip is in the split '{part}'; accepted are labels with "
                "train, valid and test."
            )


def _common_steps(
    modality: str, utterances: Sequence[LabelledUtterance], cache: FeatureCache
) -> int:
    """Return how many steps all clips get; refuses clips of different width."""
    shapes = [cache.read(modality, each.clip.id).shape for each in utterances]
    for utterance, shape in zip(utterances, shapes):
        if shape[1] != shapes[0][1]:
            raise UserError(
                f"{modality} of clip '{utterance.clip.id}' has {shape[1]} features, that of "
                f"'{utterances[0].clip.id}' {shapes[0][1]}; accepted is one number: extract them "
                "with the same settings."
            )
    lengths = np.array([shape[0] for shape in shapes])
    return int(lengths.max()) if modality == "text" else common_length(lengths)


def _split(
    scratch: Path,
    utterances: Sequence[LabelledUtterance],
    cache: FeatureCache,
    steps: Mapping[str, int],
) -> SplitContent:
    """Gather one split in padded arrays `[n, L, D]` that lie on disk."""
    ordered = sorted(utterances, key=lambda utterance: utterance.clip.id)
    arrays: dict[str, NDArray[np.float32]] = {}
    lengths: dict[str, NDArray[np.int64]] = {}
    for name, longest in steps.items():
        width = cache.read(name, ordered[0].clip.id).shape[1]
        file, shape = (
            scratch.with_name(f"{scratch.name}_{name}.npy"),
            (len(ordered), longest, width),
        )
        arrays[name] = open_memmap(file, "w+", np.float32, shape)
        lengths[name] = np.zeros(len(ordered), dtype=np.int64)
        for row, utterance in enumerate(ordered):
            sequence = cache.read(name, utterance.clip.id)[:longest]
            arrays[name][row, : len(sequence)] = sequence
            lengths[name][row] = len(sequence)
    targets = np.array([utterance.score for utterance in ordered], dtype=np.float32)
    own = {
        name: np.array([u.unimodal[name] for u in ordered], dtype=np.float32)
        for name in steps
        if name in ordered[0].unimodal
    }
    return SplitContent(arrays, lengths, targets, [each.clip.id for each in ordered], own)


def write_config(path: Path, store: FeatureStore, root: Path, name: str) -> None:
    """Write a config to put behind that of an experiment on sentiment, as a second `--config`.

    Heads of single modalities learn their own scores where all modalities have one.

    Args:
        path: a YAML file, which is replaced.
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
    config = {
        "model": {"init_args": model},
        "data": {"class_path": "ExtractedFeatures", "init_args": data},
    }
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=None)
    with replacing(path) as temporary:
        temporary.write_text(HEADER + text, encoding="utf-8")
