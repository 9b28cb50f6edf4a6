"""Class-incremental learning: a data set as a sequence of tasks, and a memory of earlier ones."""

from datamodules.incremental.module import IncrementalDataModule, TaskProtocol
from datamodules.incremental.tasks import TaskSequence

__all__ = ["IncrementalDataModule", "TaskProtocol", "TaskSequence"]
