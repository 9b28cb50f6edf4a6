"""A person's own data, listed in a table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
from lightning.pytorch.utilities import rank_zero_info

from datamodules.base import MultimodalDataModule, SplitName
from datamodules.batches import collate_ragged
from datamodules.cache import PreparedArrays, cache_path, prepared
from datamodules.division import Standardise, members_of, warn_of_small_classes
from datamodules.pairing import Rows, check_fractions
from datamodules.raw.reads import RawReader
from datamodules.table.files import FEATURES, FileOptions, Kind, log_mel
from datamodules.table.parts import divide, fit_scales
from datamodules.table.reading import Column, check_all_absent, inventory
from datamodules.table.rows import GROUP, OWN, TableFile, read_table
from datamodules.table.split import StoredInputs, TableSplit
from snn_mm.errors import UserError, check_choice

DEFAULT_FILES = FileOptions()


class SampleTable(MultimodalDataModule):
    """Samples of your own: a table with a line a sample and a column a modality.

    The table is a CSV file with the columns `label` (the class, any word) and, if you like, `id`,
    `group` (whoever must not be in two parts: a speaker, a subject) and `split` (`train`, `val` or
    `test`). Every other column is a modality. Its cells name files, relative to the table, and the
    files say what they are: `.npy` (`.npy:row`, `.npz:key`) with a feature vector `[D]`, a sequence
    `[L, D]` of any length, a picture `[C, H, W]` or frames `[L, C, H, W]`; a sound, which becomes a
    log-mel spectrogram; a picture; a film; events (N-MNIST's `.bin`, or `.npz` with x, y, t and p).
    An empty cell is a modality that the sample lacks. Files are read once, into `root/prepared`.

    Without a column `split` a part of the samples tests and a part of the rest validates, whole
    groups if there are some, else class by class.

    Args:
        table: the file.
        root: directory for what is prepared.
        columns: which columns are modalities; all that are left by default.
        standardise: how feature vectors and sequences are shifted and scaled: by the
            `training_part`, by `each_group`, which reads features of test groups too, or by `none`.
            Pictures and sounds are by the training part, unless it is `none`.
        files: how sounds, pictures, films and events become inputs.
        test_fraction: part of the samples that tests.
        val_fraction: part of the others that validates.
    """

    fold_group = "group"

    def __init__(
        self,
        table: str,
        root: str = "data",
        columns: Sequence[str] | None = None,
        standardise: Standardise = "training_part",
        files: FileOptions = DEFAULT_FILES,
        test_fraction: float = 0.2,
        val_fraction: float = 0.1,
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        check_fractions(test_fraction=test_fraction)
        check_fractions(val_fraction=val_fraction)
        check_choice("data.standardise", standardise, get_args(Standardise))
        self.path, self.wanted = Path(table), columns
        self.standardise, self.files = standardise, files
        self.test_fraction, self.val_fraction = test_fraction, val_fraction

    @cached_property
    def table(self) -> TableFile:
        """The table, read when it is first asked for."""
        return read_table(self.path)

    @property
    def class_names(self) -> list[str]:  # type: ignore[override]
        """All labels of the table, in order."""
        return self.table.class_names

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The modalities.

        Raises:
            UserError: there are none, or a wanted one is no column.
        """
        free = [name for name in self.table.columns if name not in OWN]
        names = free if self.wanted is None else list(self.wanted)
        for name in names:
            if name not in free:
                raise UserError(f"{self.path}: no column {name}; accepted: {', '.join(free)}")
            if not name.isidentifier():
                raise UserError(f"{self.path}:1: column '{name}'; accepted: letters, digits and _")
        if not names:
            raise UserError(f"{self.path}:1: no column of a modality beside {', '.join(OWN)}")
        found = {name: Column(self.table, name) for name in names}
        check_all_absent(self.table, found)
        return found

    @property
    def modalities(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the columns that are modalities."""
        return tuple(self.columns)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """What each modality is, as its first file says."""
        return {name: column.kind() for name, column in self.columns.items()}

    def facts(self) -> dict[str, Any]:
        """K, and of each modality its kind and width."""
        inputs = {name: self._facts(self.columns[name], kind) for name, kind in self.kinds.items()}
        return {"num_classes": self.num_classes, "inputs": inputs}

    def _facts(self, column: Column, kind: Kind) -> dict[str, Any]:
        if kind == "events":
            return {"kind": kind, "in_channels": 2, "input_kind": "events"}
        if kind == "sound":
            seconds = self.files.seconds
            known = {} if seconds is None else {"frames": log_mel(self.files, seconds).frames}
            return {"kind": kind, "in_channels": 1, "bands": self.files.bands, **known}
        shape = column.first_shape(kind)
        if kind in FEATURES:
            return {"kind": kind, "in_features": shape[-1]}
        input_kind = "static" if kind == "picture" else "frames"
        return {"kind": kind, "in_channels": shape[-3], "input_kind": input_kind}

    def prepare_data(self) -> None:
        """Read all files, unless that is done."""
        for name in self.columns:
            self._stored(name)

    @cached_property
    def parts(self) -> dict[SplitName, Rows]:
        """Which rows of the table train, validate and test."""
        labels, groups = self.table.labels, self.table.groups
        if self.folds.k and self.folds.by == "group" and groups is None:
            raise UserError(
                f"data.folds: {self.path} has no column {GROUP}\n"
                "accepted: such a column, or by: null"
            )
        fractions = self.test_fraction, self.val_fraction
        parts = self.fold_rows(labels, groups, self.val_fraction)
        parts = parts or divide(self.table, fractions, self.seed)
        warn_of_small_classes(labels, parts, self.class_names)
        return parts

    def load_split(self, name: SplitName) -> TableSplit:
        """Take the rows of one split."""
        present = {name: column.present for name, column in self.columns.items()}
        table = self.table
        return TableSplit(
            self.parts[name], table.labels, table.ids, self.readers, present, self.content
        )

    collate = staticmethod(collate_ragged)

    def learn_preparation(self) -> dict[str, Any]:
        """Names of the classes, and of each modality its kind, shape and scales."""
        columns = {name: reader.record() for name, reader in self.readers.items()}
        return {**super().learn_preparation(), "columns": columns}

    @property
    def step_seconds(self) -> dict[str, float]:  # type: ignore[override]
        """Of sounds, the columns of their spectrograms."""
        sounds = [n for n, said in self.preparation["columns"].items() if said["kind"] == "sound"]
        return dict.fromkeys(sounds, self.files.hop / self.files.sample_rate)

    def raw_readers(self) -> Mapping[str, RawReader]:
        """Files of the kind that a modality has."""
        from datamodules.table.raw import file_readers  # training reads no raw files

        return file_readers(self.preparation["columns"], self.files)

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        return {
            "standardise": self.standardise,
            "files": asdict(self.files),
            "classes": self.class_names,
            "groups": self.table.groups if self.standardise == "each_group" else None,
        }

    @cached_property
    def content(self) -> str:
        """A digest of all inputs."""
        sha = hashlib.sha256()
        for name in self.columns:
            for key, array in sorted(self._stored(name).items()):
                sha.update(f"{key} {array.dtype} {array.shape}".encode())
                sha.update(np.ascontiguousarray(array).data)
        return sha.hexdigest()

    def _stored(self, name: str) -> PreparedArrays:
        """The arrays of a modality, read from its files if need be."""
        column, kind = self.columns[name], self.kinds[name]
        own = {} if kind in FEATURES else asdict(self.files)
        options = {"kind": kind, "options": own, "files": inventory([column])}
        cells = int(column.present.sum())
        if not cache_path(self.root, f"table-{name}", options).exists():
            rank_zero_info(f"{self.path}: the {cells} inputs of {name} ({kind}) are read once")
        return prepared(self.root, f"table-{name}", options, lambda: column.read(kind, self.files))

    @cached_property
    def readers(self) -> dict[str, StoredInputs]:
        """What reads the inputs of each modality, for all splits alike."""
        return {name: self._reader(name) for name in self.columns}

    def _reader(self, name: str) -> StoredInputs:
        """What reads the inputs of a modality, and scales them."""
        kind, stored = self.kinds[name], self._stored(name)
        by_group = self.standardise == "each_group" and kind in FEATURES
        groups = self.table.groups if by_group else None
        if by_group and groups is None:
            raise UserError(
                f"data.standardise is each_group, and {self.path} has no column {GROUP}\n"
                "accepted: training_part, none, or such a column"
            )
        unscaled = self.standardise == "none" or kind == "events"
        members = {} if unscaled else members_of(self.parts["train"], groups)
        return StoredInputs(stored, kind, fit_scales(stored, kind, members), groups)
