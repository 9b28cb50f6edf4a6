"""AVE-CI, K-S-CI and VS100-CI: the class-incremental benchmarks of AV-CIL (Pian et al., 2023)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from datamodules.av_cil.features import FeatureFile, H5Features, PickledFeatures
from datamodules.av_cil.lists import Lists, read_lists
from datamodules.av_cil.split import FeatureSplit, collate
from datamodules.base import SplitName
from datamodules.incremental import IncrementalDataModule, TaskProtocol
from datamodules.made_up import Shapes
from datamodules.raw.reads import RawReader
from snn_mm.errors import UserError, check_choice

Dataset = Literal["ave", "ks", "vs100"]


class Benchmark(NamedTuple):
    """What AV-CIL fixed for a data set.

    Attributes:
        folder: name of its folder.
        classes: how many there are.
        classes_per_task: how many classes each task adds.
        memory: how many exemplars are kept.
    """

    folder: str
    classes: int
    classes_per_task: int
    memory: int


BENCHMARKS: dict[str, Benchmark] = {
    "ave": Benchmark("AVE", 28, 7, 340),
    "ks": Benchmark("kinetics-sounds", 30, 6, 500),
    "vs100": Benchmark("VGGSound_100", 100, 10, 1500),
}

AUDIO = Path("audio_pretrained_feature/audio_pretrained_feature_dict.npy")
VISUAL_H5 = Path("visual_pretrained_feature/visual_features.h5")
VISUAL_NPY = Path("visual_pretrained_feature/visual_pretrained_feature_dict.npy")


class ClassIncremental(IncrementalDataModule):
    """Features of AudioMAE and VideoMAE in the folders of AV-CIL, as a sequence of tasks.

    Audio is `[768]`; visual `[1568, 768]`, 8 times 14 x 14 patches of 16 frames. AVE-CI has 28
    classes in 4 tasks, K-S-CI 30 in 5 (without "mowing lawn"), VS100-CI 100 in 10; their training,
    validation and test parts have 3,294/391/394, 19,220/1,947/1,958 and 51,195/5,000/5,000 samples.

    A folder holds the three dictionaries of AV-CIL's repository (see `datamodules.av_cil.lists`),
    `audio_pretrained_feature/audio_pretrained_feature_dict.npy`, and in
    `visual_pretrained_feature/` either `visual_features.h5` or `visual_pretrained_feature_dict.npy`
    (the first if both are there). Nothing in them is unpickled, and visual features, 4.8 MB each,
    are read one by one: memory holds the batches on their way and no more. That is, with W workers,
    `1 + W prefetch_factor` times `batch_size + exemplar_batch` times 4.8 MB.

    Args:
        dataset: which of the three.
        data_dir: folder of the dictionaries; None is AVE, kinetics-sounds or VGGSound_100 in
            `root`.
        features_dir: folder of the features; None is `data_dir`.
        classes_per_task: how many classes each task adds; None is 7, 6 or 10.
        memory: how many exemplars are kept in all; None is 340, 500 or 1500, or 0 if the protocol
            is `joint`. Methods without replay need 0.
        audio_dim: D of the audio features, for those of another network.
        visual_shape: L and D of the visual features, for those of another network.
    """

    modalities = ("audio", "visual")

    def __init__(
        self,
        root: str = "data",
        dataset: Dataset = "ave",
        data_dir: str | None = None,
        features_dir: str | None = None,
        classes_per_task: int | None = None,
        memory: int | None = None,
        protocol: TaskProtocol = "incremental",
        audio_dim: int = 768,
        visual_shape: tuple[int, int] = (1568, 768),
        **options: Any,
    ) -> None:
        check_choice("dataset", dataset, tuple(BENCHMARKS))
        benchmark = BENCHMARKS[dataset]
        if memory is None:
            memory = benchmark.memory if protocol == "incremental" else 0
        if classes_per_task is None:
            classes_per_task = benchmark.classes_per_task
        super().__init__(root, classes_per_task, memory=memory, protocol=protocol, **options)
        self.benchmark = benchmark
        self.data_dir = Path(data_dir or Path(root) / benchmark.folder)
        self.features_dir = Path(features_dir or self.data_dir)
        self.audio_dim, self.visual_shape = audio_dim, visual_shape

    def facts(self) -> dict[str, Any]:
        """Classes of the benchmark, and how many each task adds."""
        return {**super().facts(), "num_classes": self.benchmark.classes}

    def sample_shapes(self) -> Shapes:
        """Those of the features."""
        return {"audio": (self.audio_dim,), "visual": tuple(self.visual_shape)}

    def raw_readers(self) -> Mapping[str, RawReader]:
        """Files of features in the shapes of those that were trained on."""
        from datamodules.raw.arrays import array_readers  # training reads no raw files

        return array_readers({"audio": (self.audio_dim,), "visual": tuple(self.visual_shape)})

    def make_up(self, samples: int) -> None:
        """Have made-up samples, and classes without a list of them."""
        names = tuple(f"class {label}" for label in range(self.benchmark.classes))
        self.__dict__["lists"] = Lists(names, {})
        super().make_up(samples)

    @property
    def class_names(self) -> Sequence[str]:  # type: ignore[override]
        """Names of the classes, in the order in which they arrive."""
        return self.lists.class_names

    @cached_property
    def lists(self) -> Lists:
        """Which samples there are."""
        return read_lists(self.data_dir)

    def load_split(self, name: SplitName) -> FeatureSplit:
        """Find the features of one split."""
        return FeatureSplit(name, self.lists.labelled[name], self._files)

    collate = staticmethod(collate)

    def teardown(self, stage: str) -> None:
        """Close the feature files; they are opened again when they are read."""
        for file in self.__dict__.get("_files", {}).values():
            file.close()

    @cached_property
    def _files(self) -> dict[str, FeatureFile]:
        return {
            "audio": PickledFeatures(self._existing(AUDIO), (self.audio_dim,)),
            "visual": self._visual_file(),
        }

    def _visual_file(self) -> FeatureFile:
        path = self._existing(VISUAL_H5, VISUAL_NPY)
        kind = H5Features if path.name == VISUAL_H5.name else PickledFeatures
        return kind(path, tuple(self.visual_shape))

    def _existing(self, *names: Path) -> Path:
        """Return the first file of these names that is there."""
        for name in names:
            if (self.features_dir / name).exists():
                return self.features_dir / name
        raise UserError(
            f"{self.features_dir / names[0]} is missing"
            + "".join(f", and {name.name} too" for name in names[1:])
            + ".\nThe features are those of AV-CIL (huggingface.co/datasets/wiberg/AV-CIL_features)"
            ";\nset root, or features_dir to the folder that has them."
        )
