"""What a sweep tells its user: a line a run, and a bar where there is a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from snn_mm.analysis.report.metric import main_metric
from snn_mm.analysis.report.wording import duration
from snn_mm.run.directory import read_json
from snn_mm.sweep.attempt import LOG
from snn_mm.sweep.cells import SweepCell

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """Counts runs and estimates what is left.

    Args:
        total: runs of the sweep.
        done: runs that had finished before.
        diverged: runs that had diverged before.
        jobs: how many run at a time.
        metric: what is shown of a finished run; chosen as a report does if None.
    """

    def __init__(
        self, total: int, done: int, jobs: int, metric: str | None, diverged: int = 0
    ) -> None:
        self.total, self.done, self.jobs, self.metric = total, done, jobs, metric
        self.diverged, self.failures = diverged, 0
        self._seconds: list[float] = []
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        if sys.stdout.isatty():
            # Imported here: a log file needs no bar.
            from rich.progress import Progress as Bar

            self._bar = Bar(transient=True)
            self._task = self._bar.add_task("runs", total=self.total, completed=self.done)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def started(self, cell: SweepCell, is_own: bool) -> None:
        """A run begins; only one that an earlier sweep left behind is worth a line."""
        if not is_own:
            self.note(f"{cell.run.run_id} still runs from an earlier sweep; waiting for it")
        if self._bar is not None:
            self._bar.update(self._task, description=cell.run.run_id)

    def ended(self, cell: SweepCell, seconds: float | None) -> None:
        """A run has finished, or come to its end diverged.

        Args:
            cell: the run.
            seconds: how long it took; None if it began under another sweep.
        """
        self.done += cell.is_finished
        self.diverged += not cell.is_finished
        if seconds is not None:
            self._seconds.append(seconds)
        result = describe_result(cell, self.metric) if cell.is_finished else cell.state()
        parts = [cell.run.run_id, result]
        parts += [] if seconds is None else [duration(seconds)]
        self._line([*parts, *self._remaining()])

    def failed(self, cell: SweepCell, message: str) -> None:
        """A run has failed; the others go on."""
        self.failures += 1
        first = message.split("\n")[0]
        self._line([cell.run.run_id, f"failed: {first}", str(cell.run.path / LOG)])

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def _line(self, parts: list[str]) -> None:
        width = len(str(self.total))
        self.note("  ".join([f"{self.done:>{width}}/{self.total}", *parts]))
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done + self.diverged + self.failures)

    def _remaining(self) -> list[str]:
        left = self.total - self.done - self.diverged - self.failures
        if not self._seconds or not left:
            return []
        mean = sum(self._seconds) / len(self._seconds)
        return [f"about {duration(mean * left / min(self.jobs, left))} left"]


def describe_result(cell: SweepCell, metric: str | None) -> str:
    """The metric of a finished run; without a test, what its best checkpoint reached."""
    results = read_json(cell.run.results)
    tested = results.get("test", {})
    metric = metric or main_metric(tested)
    value = tested.get(metric)
    if value is None:
        best = results.get("best", {})
        metric, value = best.get("monitor", metric), best.get("score")
    return f"{metric} {value:.4f}" if isinstance(value, float | int) else f"no {metric}"
