"""The base of every classification data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import getattr_static
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from datamodules.batches import collate
from datamodules.checks import check_split
from datamodules.corruption.kinds import Corruption
from datamodules.division import warn_of_lacking
from datamodules.folds import NO_FOLDS, Folds, fold_parts
from datamodules.loader_options import DEFAULT_LOADER, LoaderOptions
from datamodules.made_up import Shapes, made_split
from datamodules.pairing import Rows
from datamodules.sampler import BalancedSampler, EpochSampler
from datamodules.split import SampleSource
from datamodules.split_module import SPLITS, SplitDataModule, SplitName
from snn_mm.errors import UserError, check_choice, check_range

Sampling = Literal["natural", "balanced"]
Inputs = Mapping[str, Mapping[str, object]]
"""By modality, then by the parameter of an encoder."""

__all__ = [
    "DEFAULT_LOADER",
    "SPLITS",
    "Inputs",
    "LoaderOptions",
    "MultimodalDataModule",
    "Sampling",
    "SplitName",
]


class MultimodalDataModule(SplitDataModule[SampleSource]):
    """Base of every classification data set: name the modalities and classes, and load a split.

    Args:
        root: directory of the data, unless given elsewhere, and of what is prepared from them.
        seed: decides the training order and whatever else is drawn: splits, folds, pairs, noise.
        loader: how batches are loaded.
        folds: cross-validation instead of the split of the data set; `snnmm sweep --folds` makes
            one run a fold.
        fold: which of the folds tests, from 0 on.
        corruptions: what is done to the samples of each modality as they are read, such as
            `{audio: [{kind: babble, severity: 3}]}`.
        sampling: `balanced` shows every class equally often in training; `natural` every sample
            once an epoch.
    """

    class_names: Sequence[str]
    fold_group: ClassVar[str | None] = None
    """What folds keep together, such as `speaker`; None where the data can't be cut in folds."""
    inputs: ClassVar[Inputs] = {}
    """What an encoder must know of a modality, such as `{"audio": {"in_channels": 1}}`."""

    def __init__(
        self,
        root: str = "data",
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
        folds: Folds = NO_FOLDS,
        fold: int = 0,
        corruptions: dict[str, list[Corruption]] | None = None,
        sampling: Sampling = "natural",
    ) -> None:
        super().__init__(root, seed, loader, corruptions)
        check_choice("data.sampling", sampling, get_args(Sampling))
        if folds.k and self.fold_group is None:
            raise UserError(f"data.folds: {type(self).__name__} can't be cut in folds")
        check_range("data.fold", fold, 0, max(folds.k - 1, 0))
        self.folds, self.fold, self.sampling = folds, fold, sampling

    def training_sampler(self, split: SampleSource, ranks: int, rank: int) -> EpochSampler:
        """The training order of a rank: every sample once, or every class equally often."""
        if self.sampling == "natural":
            return super().training_sampler(split, ranks, rank)
        drop_last = self.loader.drop_last
        return BalancedSampler(
            split, split.labels, ranks, rank, seed=self.seed, drop_last=drop_last
        )

    def fold_rows(
        self, labels: Rows, groups: Sequence[str] | None, val_fraction: float
    ) -> dict[SplitName, Rows] | None:
        """The rows of each split in the fold of this run; None where there are no folds.

        Args:
            labels: classes, `[n]`.
            groups: for each sample what `folds.by: group` keeps together; None where nothing is.
            val_fraction: part of the training folds that validates, in whole groups.
        """
        if not self.folds.k:
            return None
        kept = groups if self.folds.by == "group" else None
        rows = fold_parts(labels, kept, (self.fold, self.folds.k), val_fraction, self.seed)
        return {name: rows[name] for name in SPLITS}

    def class_counts(self) -> list[int]:
        """How many training samples each class has, K."""
        return [*map(int, np.bincount(self.split("train").labels, minlength=self.num_classes))]

    @property
    def num_classes(self) -> int:
        """K, the number of classes."""
        return len(self.class_names)

    def facts(self) -> dict[str, Any]:
        """What encoders must know, and K unless the class names are read from a file."""
        names = getattr_static(self, "class_names", None)
        return {"inputs": self.inputs} | (
            {"num_classes": len(names)} if isinstance(names, Sequence) else {}
        )

    def learn_preparation(self) -> dict[str, Any]:
        """Names of the classes."""
        return {"class_names": list(self.class_names)}

    def sample_shapes(self) -> Shapes:
        """The shape of each input of a sample, as far as known before any data are read."""
        return {}

    def made_up(self, samples: int) -> SampleSource:
        """A split of made-up samples in the shapes of the real ones, class after class."""
        shapes, classes = self.sample_shapes(), self.facts().get("num_classes")
        return made_split(shapes, classes, samples) if shapes and classes else super().made_up(0)

    def check_split(self, name: SplitName, split: SampleSource) -> None:
        """Refuse a split that is empty, inconsistent, or has labels that are no classes.

        Warns of classes that it lacks.
        """
        for name_of in ("modalities", "class_names"):
            if not hasattr(self, name_of):
                who = type(self).__name__
                raise UserError(f"{who}: no {name_of}; accepted: {name_of} = (...) in the class")
        check_split(name, split, self.modalities, self.num_classes)
        warn_of_lacking(name, split, self.class_names)

    collate = staticmethod(collate)
