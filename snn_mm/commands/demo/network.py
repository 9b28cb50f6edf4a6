"""A trained network that answers with pieces of a page."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from snn_mm.analysis.explanation.asked import take_sample, take_samples
from snn_mm.analysis.explanation.page import SamplePage
from snn_mm.commands.explain.files import class_names, for_a_reader
from snn_mm.config.restore import restore
from snn_mm.energy import single_samples
from snn_mm.errors import UserError

SECONDS = 120.0
"""How long an answer may take."""
GRACE = 5.0
"""Seconds that an answer has to come to its end when the process ends."""
SAMPLES = 100
"""Samples of the test split to choose from."""


@dataclass
class RunOnShow:
    """A run, asked by a page.

    Attributes:
        module: in evaluation mode, on the CPU.
        data: of the run.
        directory: of the run.
        samples: ids of the test split; none where the data are not there.
    """

    module: Any
    data: Any
    directory: Path
    samples: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turn = Lock()  # hooks of two questions at once would mix

    @classmethod
    def load(cls, run: Path, data_root: Any = None) -> RunOnShow:
        """Restore a run, with samples of its test split where its data are there."""
        try:
            module, data, directory = restore(run, "cpu", data_root, ("test",))
        except UserError as error:
            module, data, directory = restore(run, "cpu", data_root, ())
            print(f"no samples of the test split: {error}", file=sys.stderr)
            return cls(module, data, directory.path)
        ids = [name for batch in take_samples(data, SAMPLES) for name in batch["id"]]
        return cls(module, data, directory.path, ids)

    @property
    def title(self) -> str:
        """What the run is called."""
        return f"{self.directory.parent.name} / {self.directory.name}"

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
            whole: instead of all files, one that holds all there is.
        """
        readers = self.readers
        texts = {name: said for name, said in files.items() if not readers[name].suffixes}
        if whole and len(files) > len(texts):
            raise UserError("one file that holds all there is, or one of each; not both")
        if not whole and len(files) == len(texts):
            raise UserError("drop a file first")
        if whole and texts:
            suffix = Path(whole).suffix.lower()
            held = [name for name, reader in readers.items() if suffix in reader.suffixes]
            files, whole = {**dict.fromkeys(held, whole), **texts}, None
        try:
            return self._in_time(self._read, whole or files)
        except UserError as error:  # visitors know nothing of where uploads lie
            folders = [f"{Path(file).parent}/" for file in (whole, *files.values()) if file]
            line = str(error)
            for folder in folders:
                line = line.replace(folder, "")
            raise UserError(line) from None

    def say_sample(self, name: str | None) -> dict[str, str]:
        """What the page shows of a sample of the test split, as HTML by section."""
        if not name:
            raise UserError("choose a sample first")
        return self._in_time(lambda: self._show(take_sample(self.data, name), True))

    def finish(self) -> bool:
        """Answer nothing more; whether no thread computes, with which the interpreter can't end."""
        try:
            return self._turn.acquire(timeout=GRACE)
        except KeyboardInterrupt:
            return False

    def _read(self, files: Any) -> dict[str, str]:
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            raw = self.data.read_raw(files)
        shown = self._show(next(single_samples(self.data.raw_batch([raw]))), False)
        said = dict.fromkeys(str(each.message) for each in notes)
        shown["Decision"] = "".join(f"<p>{escape(each)}</p>" for each in said) + shown["Decision"]
        return shown

    def _show(self, sample: Any, is_labelled: bool) -> dict[str, str]:
        names = class_names(self.data, not is_labelled)
        known = for_a_reader(self.data, sample)
        return SamplePage(self.module, sample, names, is_labelled, **known).at_once()

    def _in_time(self, answer: Callable[..., dict[str, str]], *given: Any) -> dict[str, str]:
        """Answer in a thread of its own, which does not keep the process from its end."""
        asked: Future[dict[str, str]] = Future()
        Thread(target=self._answer, args=(asked, answer, given), daemon=True).start()
        try:
            return asked.result(SECONDS)
        except TimeoutError:
            asked.cancel()
            raise UserError(f"no answer within {SECONDS:g} s; try a shorter clip") from None

    def _answer(self, asked: Future[dict[str, str]], answer: Any, given: tuple[Any, ...]) -> None:
        with self._turn:
            if not asked.set_running_or_notify_cancel():
                return
            try:
                asked.set_result(answer(*given))
            except BaseException as error:  # it is raised again where the answer is waited for
                asked.set_exception(error)
