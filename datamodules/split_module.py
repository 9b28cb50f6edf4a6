"""What all data modules share: loaders, their order and fingerprints."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Generic, Literal, Self, TypeVar, cast

from lightning.pytorch import LightningDataModule
from lightning.pytorch.strategies import DDPStrategy
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.batches import begin_worker
from datamodules.corruption.corruptible import Corruptible
from datamodules.corruption.kinds import Corruption
from datamodules.folds import check_apart
from datamodules.loader_options import DEFAULT_LOADER, LoaderOptions
from datamodules.raw.reads import ReadsRaw
from datamodules.sampler import EpochSampler, ShareSampler
from datamodules.split import Source, note_changes
from datamodules.store.remote import check_root
from snn_mm.contracts import Batch
from snn_mm.errors import UserError, check_range
from snn_mm.run.position import training_position

SplitName = Literal["train", "val", "test"]
SourceT = TypeVar("SourceT", bound=Source)
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
_NEEDED: dict[str, tuple[SplitName, ...]] = {"fit": ("train", "val"), "validate": ("val",)}


class SplitDataModule(Corruptible, ReadsRaw, LightningDataModule, ABC, Generic[SourceT]):
    """Base of every data module: load a split, say what a batch of it is.

    The training order depends on `(seed, epoch)` alone, so that a resumed run goes on with the
    samples that the uninterrupted run saw next; validation and test keep the order of the split,
    and under DDP each rank has its share of them, every sample once over all ranks.
    It also works without a trainer: `dm.setup("fit"); next(iter(dm.train_dataloader()))`.

    Args:
        root: directory of the data, unless given elsewhere, and of what is prepared from them.
        seed: decides the training order and whatever else is drawn: splits, pairs, noise.
        loader: how batches are loaded.
        corruptions: what is done to the samples of each modality as they are read, such as
            `{audio: [{kind: babble, severity: 3}]}`.
    """

    may_share: Collection[SplitName] = ()  # splits that may have the same samples as each other
    step_seconds: Mapping[str, float] = MappingProxyType({})
    """From one step, frame or column of an input to the next, by modality, where it is known."""

    def __init__(
        self,
        root: str = "data",
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
        corruptions: dict[str, list[Corruption]] | None = None,
    ) -> None:
        super().__init__(corruptions)
        check_range("seed", seed, 0)
        check_root(root, getattr(self, "reads_urls", False))
        if not isinstance(loader, LoaderOptions):  # of a class of one's own
            raise UserError(
                f"{type(self).__name__}: loader is {loader}; accepted: LoaderOptions\n"
                "a class that hands *args and **kwargs on need not name it"
            )
        self.root, self.seed, self.loader = root, seed, loader
        self._splits: dict[SplitName, SourceT] = {}

    @classmethod
    def load_from_checkpoint(cls, *args: Any, **kwargs: Any) -> Self:
        """What Lightning makes of a checkpoint and the arguments of the data module.

        Raises:
            UserError: none are given, for a checkpoint holds none, and the defaults are others.
        """
        if not kwargs:
            raise UserError(
                f"{cls.__name__}.load_from_checkpoint: a checkpoint does not hold what the data "
                "were made with\nsnn_mm.load_run(path).data makes them from the config beside it"
            )
        return super().load_from_checkpoint(*args, **kwargs)

    @abstractmethod
    def load_split(self, name: SplitName) -> SourceT:
        """Open one split; called once for each split that is needed."""

    @abstractmethod
    def check_split(self, name: SplitName, split: SourceT) -> None:
        """Raise a UserError for a split that can't be trained or evaluated on."""

    @staticmethod
    @abstractmethod
    def collate(samples: list[Any]) -> Batch:
        """Make a batch of samples."""

    def facts(self) -> dict[str, Any]:
        """What is known of the data before any are read, by the names of a model's parameters.

        `snnmm fit` gives it to a model whose config does not say otherwise; below `inputs` stands
        by modality what is for its encoder, such as `in_channels`.
        """
        return {}

    def content_options(self) -> dict[str, object]:
        """Return the options that change the samples without changing the stored arrays."""
        return {}

    def made_up(self, samples: int) -> SourceT:
        """A split of samples that are made up, in the shapes of the real ones.

        Raises:
            UserError: the shapes are not known before data are read.
        """
        raise UserError(
            f"{type(self).__name__}: the shapes of samples are not known before data are read\n"
            "accepted: real data, or a class that says them: `sample_shapes`, of sequences `shapes`"
        )

    def make_up(self, samples: int) -> None:
        """Have made-up samples in every split, so that no file need be there; see `made_up`.

        They are not corrupted.
        """
        self.corruptions = {}
        self._splits = dict.fromkeys(SPLITS, self.made_up(samples))
        self.prepare_data = lambda: None  # type: ignore[method-assign]

    def split(self, name: SplitName) -> SourceT:
        """Return a split, loaded and checked when first asked for; corrupted if it is to be."""
        if name not in self._splits:
            split = self.load_split(name)
            self.check_split(name, split)
            check_apart(name, split, self._splits, self.may_share)
            self._splits[name] = split
        return cast("SourceT", self._as_read(name, self._splits[name]))

    def setup(self, stage: str) -> None:
        """Open the splits that the stage needs."""
        for name in _NEEDED.get(stage, ("test",)):
            self.split(name)

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that change when any sample or its order changes."""
        options = json.dumps(
            {"seed": self.seed, **self.content_options(), **self.corruption_options()},
            sort_keys=True,
        )
        sha = hashlib.sha256(options.encode())
        for name in SPLITS:
            sha.update(self.split(name).digest().encode())
        return sha.hexdigest()[:16]

    @property
    def lacks_modalities(self) -> bool:
        """Whether some training sample lacks a modality."""
        masks = getattr(self._splits.get("train"), "present", {})
        return not all(mask.all() for mask in masks.values())

    def train_dataloader(self) -> DataLoader[Any]:
        """Return training batches in an order that depends on `(seed, epoch)` alone.

        Raises:
            UserError: `drop_last` leaves no batch.
        """
        split, trainer = self.split("train"), self.trainer
        ranks, rank = (trainer.world_size, trainer.global_rank) if trainer else (1, 0)
        sampler = self.training_sampler(split, ranks, rank)
        if trainer:
            epoch, over = training_position(trainer)
            sampler.begin_at(epoch, over * self.loader.batch_size)
        loader = self._loader(split, sampler, drop_last=self.loader.drop_last)
        if not len(loader):
            raise UserError(
                f"data.loader: batch_size {self.loader.batch_size} with drop_last leaves no batch "
                f"of {len(split)} training samples\n"
                "accepted: a smaller batch_size, or drop_last: false"
            )
        return loader

    def training_sampler(self, split: SourceT, ranks: int, rank: int) -> EpochSampler:
        """The training order of a rank."""
        return EpochSampler(split, ranks, rank, seed=self.seed, drop_last=self.loader.drop_last)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return validation batches in fixed order."""
        return self._evaluation_loader(self.split("val"))

    def test_dataloader(self) -> DataLoader[Any]:
        """Return test batches in fixed order."""
        return self._evaluation_loader(self.split("test"))

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return the test batches: what `predict` writes can be compared with the labels."""
        return self.test_dataloader()

    def on_exception(self, exception: BaseException) -> None:
        """Note if files have changed while they were in use, which ends workers without a word."""
        note_changes(exception, self._splits.values())

    def _evaluation_loader(self, split: Source) -> DataLoader[Any]:
        """Wrap a split in its own order: under DDP this rank's share, otherwise all of it."""
        trainer = self.trainer
        # Strategies that spread the weights need equally many batches: Lightning repeats samples.
        if trainer is None or not isinstance(trainer.strategy, DDPStrategy):
            return self._loader(split)
        if len(split) < trainer.world_size:
            raise UserError(
                f"data: a split has {len(split)} samples to evaluate, fewer than there are ranks "
                f"({trainer.world_size})\naccepted: fewer ranks, or more samples"
            )
        return self._loader(split, ShareSampler(split, trainer.world_size, trainer.global_rank))

    def _on_gpu(self) -> bool:
        """Whether batches go to a GPU; Lightning then copies them without waiting."""
        device = getattr(getattr(self.trainer, "strategy", None), "root_device", None)
        return getattr(device, "type", None) == "cuda"

    def _loader(
        self, split: Dataset[Any], sampler: Sampler[Any] | None = None, **changes: Any
    ) -> DataLoader[Any]:
        """Wrap a split; without a sampler the order is that of the split."""
        options = {**asdict(self.loader), "drop_last": False, **changes}
        if options["pin_memory"] is None:
            options["pin_memory"] = self._on_gpu()
        return DataLoader(
            split,
            sampler=cast("Iterable[int] | None", sampler),  # torch's type knows plain indices only
            worker_init_fn=begin_worker,
            collate_fn=self.collate,
            **options,
        )
