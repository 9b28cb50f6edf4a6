"""Any classification data set as a sequence of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from datamodules.base import MultimodalDataModule, SplitName
from datamodules.corruption.forms import Form
from datamodules.incremental.module import IncrementalDataModule
from datamodules.made_up import Shapes
from datamodules.raw.reads import RawReader
from datamodules.split import SampleSource, Source


class IncrementalScenario(IncrementalDataModule):
    """A data set whose classes arrive in tasks; splits and samples stay what they are.

    What is learnt from all training samples, such as the scale of `SpokenDigitsEvents`' audio,
    knows the samples of all tasks. Batches are made by `datamodules.batches.collate`.

    Args:
        data: the data set; its root, seed, loader and corruptions count here too.
    """

    def __init__(self, data: MultimodalDataModule, *tasks: Any, **options: Any) -> None:
        # As keywords, which the parser of configs leaves out of what it reads off the base.
        super().__init__(
            data.root,
            *tasks,
            seed=data.seed,
            loader=data.loader,
            corruptions=data.corruptions,
            **options,
        )
        self.data = data
        self.modalities, self.class_names = data.modalities, data.class_names
        self.step_seconds = data.step_seconds

    def facts(self) -> dict[str, Any]:
        """What is known of the data set, and how many classes each task adds."""
        return {**super().facts(), **self.data.facts()}

    def sample_shapes(self) -> Shapes:
        """Those of the data set."""
        return self.data.sample_shapes()

    def prepare_data(self) -> None:
        """Prepare the data set."""
        self.data.prepare_data()

    def load_split(self, name: SplitName) -> SampleSource:
        """Open one split of the data set."""
        return self.data.load_split(name)

    def learn_preparation(self) -> dict[str, Any]:
        """That of the data set."""
        return self.data.learn_preparation()

    def raw_readers(self) -> Mapping[str, RawReader]:
        """Those of the data set."""
        self.data.preparation = self.preparation
        return self.data.raw_readers()

    def finish_raw(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """As the data set does."""
        return self.data.finish_raw(inputs)

    def forms(self, name: SplitName, split: Source) -> Mapping[str, Form]:
        """Those of the data set."""
        return self.data.forms(name, split)

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples and the tasks."""
        return {**self.data.content_options(), **super().content_options()}
