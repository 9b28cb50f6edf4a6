"""What was measured of a run: a line of JSON for each task, which a kill leaves usable."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

from snn_mm.reading.json_files import parse_json
from snn_mm.reading.text import naming, read_text
from snn_mm.run.directory import write_text
from snn_mm.run.replace import appending

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class LineTable(ABC, Generic[TaskT, ResultT]):
    """Tasks of one run and their results, each written as soon as it is measured.

    Args:
        path: the file; what it holds already is read, a last line that was cut short is not.

    Attributes:
        record: results by task.
        WHAT: what the file is, for the message if it is something else.
    """

    WHAT = "record"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record: dict[TaskT, ResultT] = self.read(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(self.record)

    @staticmethod
    @abstractmethod
    def parsed(content: dict[str, Any]) -> tuple[TaskT, ResultT]:
        """Task and result of a line."""

    @staticmethod
    @abstractmethod
    def line(task: TaskT, result: ResultT) -> str:
        """The line of a task, its end included."""

    def add(self, task: TaskT, result: ResultT) -> None:
        """Keep what was measured, on the disk as well."""
        self.record[task] = result
        with appending(self.path) as file:
            file.write(self.line(task, result))
            file.flush()
            os.fsync(file.fileno())

    def finish(self, order: Iterable[TaskT]) -> None:
        """Bring the tasks into an order, whatever order they were measured in.

        Those that were measured in an earlier call, and are not asked for now, stay behind.
        """
        asked = {task: self.record[task] for task in order}
        self._write(asked | self.record)

    def _write(self, record: dict[TaskT, ResultT]) -> None:
        self.record = record
        write_text(self.path, "".join(self.line(*item) for item in record.items()))

    @classmethod
    def read(cls, path: Path) -> dict[TaskT, ResultT]:
        """The whole lines of a file; none if there is no file.

        Raises:
            UserError: the file holds something else.
        """
        if not path.is_file():
            return {}
        text = read_text(path)
        whole = text[: text.rfind("\n") + 1].splitlines()
        with naming(path, f"is no {cls.WHAT}"):
            return dict(cls.parsed(parse_json(line, path)) for line in whole)
