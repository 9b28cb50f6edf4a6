"""Feature sequences prepared once, then mapped into memory by any number of workers and ranks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.cache import PreparedArrays
from datamodules.feature_files.writer import FeatureStoreWriter, Replacements
from datamodules.store.digests import find_damage, write_digests
from snn_mm.errors import UserError
from snn_mm.reading.json_files import json_object
from snn_mm.reading.text import naming
from snn_mm.run.replace import replacing_directory

Array = NDArray[Any]
SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")

LAYOUT = 1
"""Raised whenever stores of an earlier release must not be read any more."""

STORE = "store.json"
KEYS: dict[str, type] = {
    "layout": int,
    "source": dict,
    "fingerprint": str,
    "statistics": dict,
    "splits": dict,
}
"""What it must have."""
DAMAGED = "is damaged: delete its folder"


@dataclass(frozen=True)
class SplitContent:
    """What a split is made of, before it is stored.

    Attributes:
        arrays: `[N, L, D]` by modality, padded at the end; of any type of number, may be mapped.
        lengths: how many steps are no padding, `[N]` by modality; 0 becomes one step of zeros.
        targets: scores `[N]`.
        ids: unique names, N.
        unimodal_targets: scores `[N]` by modality, for those with scores of their own.
    """

    arrays: Mapping[str, Array]
    lengths: Mapping[str, Array]
    targets: Array
    ids: Sequence[str]
    unimodal_targets: Mapping[str, Array] = field(default_factory=dict)


def write_store(
    directory: Path,
    splits: Mapping[SplitName, SplitContent],
    source: Mapping[str, object],
    on_block: Callable[[int], None] = lambda _: None,
) -> dict[str, Replacements]:
    """Store splits as one float32 array a split and modality, and what is known of them as JSON.

    A store that is there already is replaced once the new one is whole.

    Args:
        directory: of the store, such as `data/prepared/ch_sims_v2-ch-simsv2s`.
        splits: `train`, `val` and `test`.
        source: what the store is made of; decides whether a later start may use it.
        on_block: called with the number of bytes of each block that was read.

    Returns:
        By `split/modality` what was replaced.

    Raises:
        UserError: `directory` can't be written.
    """
    with replacing_directory(directory) as made:
        writer = FeatureStoreWriter(made, on_block)
        parts = {name: _write_split(writer, name, splits[name]) for name in SPLITS}
        statistics = {name: m.statistics() for name, m in writer.moments.items()}
        manifest = {"layout": LAYOUT, "source": dict(source)}
        manifest |= {
            "fingerprint": writer.sha.hexdigest(),
            "statistics": statistics,
            "splits": parts,
        }
        (made / STORE).write_text(json.dumps(manifest) + "\n")
        write_digests(made)
    return writer.reports


def _write_split(
    writer: FeatureStoreWriter, name: SplitName, split: SplitContent
) -> dict[str, object]:
    """Write the arrays of a split and return its part of the manifest."""
    lengths = {key: np.maximum(value, 1).tolist() for key, value in split.lengths.items()}
    for modality, array in split.arrays.items():
        writer.add(name, modality, array, split.lengths[modality])
    part: dict[str, object] = {
        "ids": list(split.ids),
        "lengths": lengths,
        "targets": split.targets.tolist(),
        "unimodal_targets": {key: x.tolist() for key, x in split.unimodal_targets.items()},
        "replaced": {m: writer.reports[f"{name}/{m}"]._asdict() for m in split.arrays},
    }
    writer.sha.update(json.dumps(part, sort_keys=True).encode())
    return part


class FeatureStore:
    """Reads a finished store; opening it reads the JSON file and maps the arrays.

    Args:
        directory: such as `data/prepared/ch_sims_v2-ch-simsv2s`.

    Attributes:
        source: what the store was made of.
        fingerprint: SHA-256 of all that is stored.
        labelled_modalities: modalities with scores of their own.

    Raises:
        UserError: there is no finished store, or it is damaged.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        manifest = self.directory / STORE
        self._manifest = json_object(manifest, KEYS)
        if (layout := self._manifest["layout"]) != LAYOUT:
            raise UserError(
                f"{self.directory} has layout {layout}; accepted is {LAYOUT}: make it again."
            )
        self.check()
        self.source: dict[str, Any] = self._manifest["source"]
        self.fingerprint: str = self._manifest["fingerprint"]
        with naming(manifest, DAMAGED):
            labelled = self._manifest["splits"]["train"]["unimodal_targets"]
            self.labelled_modalities: tuple[str, ...] = tuple(map(str, labelled))

    def check(self, whole: bool = False) -> None:
        """Compare a sample of the files, or all of them, with what was written.

        Raises:
            UserError: a block is another.
        """
        if damage := find_damage(self.directory, whole):
            raise UserError(f"{self.directory} is damaged ({damage}): delete that folder.")

    @cached_property
    def statistics(self) -> dict[str, tuple[Array, Array]]:
        """Mean and deviation of each feature over the valid steps of `train`, both `[D]`."""
        with naming(self.directory / STORE, DAMAGED):
            return {
                modality: (np.array(values["mean"], "<f4"), np.array(values["deviation"], "<f4"))
                for modality, values in self._manifest["statistics"].items()
            }

    @cached_property
    def _arrays(self) -> PreparedArrays:
        return PreparedArrays(self.directory)

    def split(self, name: SplitName) -> SplitContent:
        """Open a split; its arrays are mapped and its lengths at least 1.

        Raises:
            UserError: a file is damaged or missing; names it.
        """
        with naming(self.directory / STORE, DAMAGED):
            part = self._manifest["splits"][name]
            own = part["unimodal_targets"]
            return SplitContent(
                arrays={m: self._arrays[f"{name}_{m}"] for m in part["lengths"]},
                lengths={m: np.array(x, dtype=np.int64) for m, x in part["lengths"].items()},
                targets=np.array(part["targets"], dtype=np.float32),
                ids=part["ids"],
                unimodal_targets={m: np.array(x, dtype=np.float32) for m, x in own.items()},
            )
