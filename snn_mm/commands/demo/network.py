"""A trained network that answers with pieces of a page."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from snn_mm.analysis.explanation.asked import take_sample, take_samples
from snn_mm.analysis.explanation.page import SamplePage
from snn_mm.config.restore import restore
from snn_mm.energy import single_samples
from snn_mm.errors import UserError

SECONDS = 120.0
"""How long an answer may take."""
SAMPLES = 100
"""Samples of the test split to choose from."""


@dataclass
class RunOnShow:
    """A run, asked by a page.

    Attributes:
        module: in evaluation mode, on the CPU.
        data: of the run.
        title: what the run is called.
        samples: ids of the test split; none where the data are not there.
    """

    module: Any
    data: Any
    title: str
    samples: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._worker = ThreadPoolExecutor(1)  # hooks of two questions at once would mix

    @classmethod
    def load(cls, run: Path, data_root: Any = None) -> RunOnShow:
        """Restore a run, with samples of its test split where its data are there."""
        try:
            module, data, directory = restore(run, "cpu", data_root, ("test",))
        except UserError as error:
            module, data, directory = restore(run, "cpu", data_root, ())
            print(f"no samples of the test split: {error}", file=sys.stderr)
            return cls(module, data, directory.path.name)
        ids = [name for batch in take_samples(data, SAMPLES) for name in batch["id"]]
        return cls(module, data, directory.path.name, ids)

    @property
    def readers(self) -> Mapping[str, Any]:
        """How raw files become inputs, by name; nothing where the data read none."""
        try:
            found: Mapping[str, Any] = self.data.raw_readers()
        except (UserError, AttributeError):
            return {}
        return found

    def say(self, files: Mapping[str, str], whole: str | None = None) -> dict[str, str]:
        """What the page shows of files, as HTML by section.

        Args:
            files: by input, or a text where an input is one.
            whole: instead, one file that holds all there is.
        """
        if whole and files:
            raise UserError("one file that holds all there is, or one of each; not both")
        if not whole and not files:
            raise UserError("drop a file first")
        return self._in_time(self._read, whole or files)

    def say_sample(self, name: str | None) -> dict[str, str]:
        """What the page shows of a sample of the test split, as HTML by section."""
        if not name:
            raise UserError("choose a sample first")
        return self._in_time(self._show, take_sample(self.data, name), True)

    def _read(self, files: Any) -> dict[str, str]:
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            raw = self.data.read_raw(files)
        shown = self._show(next(single_samples(self.data.raw_batch([raw]))), False)
        said = dict.fromkeys(str(each.message) for each in notes)
        shown["Decision"] = "".join(f"<p>{escape(each)}</p>" for each in said) + shown["Decision"]
        return shown

    def _show(self, sample: Any, is_labelled: bool) -> dict[str, str]:
        known = () if is_labelled else self.data.preparation.get("class_names", ())
        names: Sequence[str] = known or getattr(self.data, "class_names", ())
        return SamplePage(self.module, sample, names, is_labelled).at_once()

    def _in_time(self, answer: Any, *given: Any) -> dict[str, str]:
        asked = self._worker.submit(answer, *given)
        try:
            said: dict[str, str] = asked.result(SECONDS)
        except TimeoutError:
            asked.cancel()
            raise UserError(f"no answer within {SECONDS:.0f} s; try a shorter clip") from None
        return said
