"""Any classification data set as a sequence of tasks."""

from __future__ import annotations

from datamodules.base import MultimodalDataModule, SplitName
from datamodules.incremental.module import IncrementalDataModule, Protocol
from datamodules.split import SampleSource


class WrappedDataModule(IncrementalDataModule):
    """A data set whose classes arrive in tasks; splits and samples stay what they are.

    Batches are made by `datamodules.split.collate`.

    Args:
        data: the data set; its seed and loader count here too.
        classes_per_task: how many classes each task adds.
        epochs_per_task: how many epochs each task lasts.
        memory: how many exemplars are kept in all.
        exemplar_batch: how many of them are in each training batch, on each rank.
        protocol: what a task trains on: its own classes or all classes seen so far.
    """

    def __init__(
        self,
        data: MultimodalDataModule,
        classes_per_task: int,
        epochs_per_task: int,
        memory: int,
        exemplar_batch: int,
        protocol: Protocol,
    ) -> None:
        super().__init__(
            data.root,
            classes_per_task,
            epochs_per_task,
            memory,
            exemplar_batch,
            protocol,
            data.seed,
            data.loader,
        )
        self.data = data
        self.modalities, self.class_names = data.modalities, data.class_names

    def prepare_data(self) -> None:
        """Prepare the data set."""
        self.data.prepare_data()

    def load_split(self, name: SplitName) -> SampleSource:
        """Open one split of the data set."""
        return self.data.load_split(name)

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples and the tasks."""
        return {**self.data.content_options(), **super().content_options()}
