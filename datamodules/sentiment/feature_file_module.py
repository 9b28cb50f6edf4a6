"""What data sets that come as one file of features share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from lightning.pytorch.utilities import rank_zero_warn

from datamodules.feature_files.convert import prepare
from datamodules.feature_files.store import FeatureStore
from datamodules.sequences import Array, SequenceDataModule, SequenceSplit
from datamodules.split import FeatureScale
from datamodules.split_module import SplitName
from snn_mm.errors import UserError

Alignment = Literal["aligned", "unaligned"]


class Distributed(NamedTuple):
    """A feature file as its makers distribute it.

    Attributes:
        file: its path in the distributed folder; its bare name is looked for too.
        shapes: longest L, and D, by modality.
        sha256: what it is known by; None where nobody published it.
        own_labels: whether each modality has labels of its own.
    """

    file: str
    shapes: dict[str, tuple[int, int]]
    sha256: str | None = None
    own_labels: bool = False


@dataclass(frozen=True)
class StoredSplit(SequenceSplit):
    """A split of a store; a worker that is spawned maps the arrays anew.

    Attributes:
        statistics: mean and deviation `[D]` by modality, for those that are standardised.
        reopen: makes the same split in another process.
    """

    statistics: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    reopen: tuple[Callable[..., StoredSplit], tuple[Any, ...]] | None = None

    def sequence(self, modality: str, row: int) -> Array:
        """Return the steps `[L, D]` of one sample that are no padding."""
        steps = super().sequence(modality, row)
        scale = self.statistics.get(modality)
        return steps if scale is None else FeatureScale(*scale)(steps)

    def __reduce__(self) -> Any:
        # A mapped array would be pickled with all its values.
        return self.reopen or super().__reduce__()


def open_split(directory: Path, name: SplitName, standardise: bool) -> StoredSplit:
    """Open one split of a store."""
    store = FeatureStore(directory)
    content = store.split(name)
    return StoredSplit(
        content.arrays,
        content.lengths,
        content.targets,
        content.ids,
        content.unimodal_targets,
        content=store.fingerprint,
        statistics=store.statistics if standardise else {},
        reopen=(open_split, (directory, name, standardise)),
    )


def scales_of(store: FeatureStore) -> dict[str, FeatureScale]:
    """What a store's modalities are standardised by."""
    return {name: FeatureScale(*values) for name, values in store.statistics.items()}


class FeatureFileModule(SequenceDataModule):
    """Base of every data set that comes as one pickle of features in the layout of MMSA.

    The pickle is read by an interpreter that runs nothing, checked, and converted once to mapped
    arrays under `root/prepared`; later starts need the pickle no more. Dimensions, lengths and
    which modalities have labels of their own are those of the file.

    Args:
        file: path of the pickle in `root`; None is the distributed one.
        standardise: shift and scale each feature by mean and deviation of the training steps.
        clip_lengths: whether lengths beyond an array count as its length; otherwise they are
            refused.
        verify: take the SHA-256 of the file at each start, and insist on the published one where
            there is one.
    """

    modalities = ("text", "audio", "visual")
    title: ClassVar[str]
    page: ClassVar[str] = "github.com/thuiar/MMSA"
    files: ClassVar[dict[str, Distributed]]
    alignment: Alignment = "unaligned"

    def __init__(
        self,
        root: str = "data",
        file: str | None = None,
        standardise: bool = False,
        clip_lengths: bool = False,
        verify: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        self.file, self.standardise = file, standardise
        self.clip_lengths, self.verify = clip_lengths, verify

    @property
    def distributed(self) -> Distributed:
        """The file that is read unless `file` names another."""
        return self.files[self.alignment]

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Those of the distributed file; another that differs is refused by the model."""
        return self.distributed.shapes

    @property
    def path(self) -> Path:
        """The feature file."""
        if self.file is not None:
            return Path(self.root) / self.file
        whole = Path(self.root) / self.distributed.file
        bare = Path(self.root) / whole.name
        return bare if bare.exists() and not whole.exists() else whole

    @cached_property
    def store(self) -> FeatureStore:
        """The prepared features, made when they are first asked for.

        Raises:
            UserError: the file is missing, damaged or not what it should be.
        """
        path, directory = self.path, self._directory()
        if not path.exists() and not directory.exists():
            raise UserError(self._missing(path))
        published = self.distributed.sha256 if self.file is None else None
        store, notes = prepare(path, directory, self.clip_lengths, self.verify, published)
        for note in notes:
            rank_zero_warn(f"{path.name}: {note}")
        self.labelled_modalities = store.labelled_modalities
        return store

    def prepare_data(self) -> None:
        """Convert the file, unless that is done."""
        self.store  # noqa: B018 - opening it converts it

    def load_split(self, name: SplitName) -> SequenceSplit:
        """Open one split of the prepared features."""
        return open_split(self.store.directory, name, self.standardise)

    def feature_scales(self) -> dict[str, FeatureScale]:
        """Mean and deviation of the training steps."""
        return scales_of(self.store) if self.standardise else {}

    def make_up(self, samples: int) -> None:
        """Have made-up samples, with the labels that the distributed file has."""
        self.labelled_modalities = self.modalities if self.distributed.own_labels else ()
        super().make_up(samples)

    def content_options(self) -> dict[str, object]:
        """Return the options that change the samples beside what is stored."""
        return {"standardise": self.standardise}

    def _directory(self) -> Path:
        kind = type(self).__name__.lower()
        return Path(self.root) / "prepared" / f"{kind}-{self.path.stem}"

    def _missing(self, path: Path) -> str:
        return (
            f"{path} is missing: the features of {self.title}, which its makers distribute "
            f"(see {self.page}).\nPut the file there, or set `root` and `file`; "
            "features of your own are accepted in the same layout."
        )
