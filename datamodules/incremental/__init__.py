"""Class-incremental learning: a data set as a sequence of tasks, and a memory of earlier ones."""

from datamodules.incremental.module import IncrementalDataModule, Protocol
from datamodules.incremental.tasks import TaskSequence

__all__ = ["IncrementalDataModule", "Protocol", "TaskSequence"]
