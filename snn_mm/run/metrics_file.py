"""`metrics.csv`: every logged metric, whatever other loggers there are."""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.reading.text import naming
from snn_mm.reading.text import read_rows as table_rows
from snn_mm.run.directory import RunDirectory, write_text
from snn_mm.run.replace import appending

Row = dict[str, str]

DAMAGED = "is no table of metrics, or damaged"
MOVE = "to go on without the metrics so far, move it away"


class MetricsFile(Logger):
    """Writes `metrics.csv` of a run; unlike Lightning's logger it goes on with an existing file.

    Columns are sorted and numbers keep all their digits, so that a resumed run ends with the same
    file as an uninterrupted one.

    Args:
        run: the run directory.
        flush_every: rows that are gathered before they are written.
    """

    def __init__(self, run: RunDirectory, flush_every: int = 50) -> None:
        super().__init__()
        self.run = run
        self.flush_every = flush_every
        self._columns = read_columns(run.metrics)
        self._pending: list[Row] = []

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.run.experiment

    @property
    def version(self) -> str:
        """Id of the run."""
        return self.run.run_id

    @property
    def save_dir(self) -> str:
        """Where all experiments lie; Lightning appends name and version to it."""
        return str(self.run.root)

    @property
    def log_dir(self) -> str:
        """The run directory."""
        return str(self.run.path)

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Nothing: `config.yaml` holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        """Add a row."""
        row = {name: _as_text(value) for name, value in metrics.items()}
        self._pending.append({**row, "step": str(step)})
        if len(self._pending) >= self.flush_every:
            self.save()

    @rank_zero_only
    def save(self) -> None:
        """Write the gathered rows; the whole file is replaced when a new column appears."""
        if not self._pending:
            return
        rows, self._pending = self._pending, []
        columns = sorted(set(self._columns).union(*rows))
        if columns == self._columns and self.run.metrics.is_file():
            with appending(self.run.metrics) as file:
                csv.DictWriter(file, columns).writerows(rows)
        else:
            self._columns = columns
            replace_rows(self.run.metrics, columns, [*read_rows(self.run.metrics), *rows])

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left; after a failure as far as possible, for its reason is what counts."""
        try:
            self.save()
        except UserError:
            if status != "failed":
                raise

    @rank_zero_only
    def truncate(self, step: int) -> None:
        """Drop the rows of `step` and after, which a resumed run logs again."""
        self._pending = []
        with naming(self.run.metrics, DAMAGED, MOVE):
            rows = [row for row in read_rows(self.run.metrics) if int(row["step"]) < step]
        columns = ["step"] if not rows else sorted({name for row in rows for name in row})
        self._columns = columns if rows else []
        if self.run.metrics.is_file():
            replace_rows(self.run.metrics, columns, rows)


def read_columns(path: Path) -> list[str]:
    """The header of a metrics file; empty if there is none."""
    return next(table_rows(path), []) if path.is_file() else []


def read_rows(path: Path) -> list[Row]:
    """Rows of a metrics file without empty cells; a line cut short by a kill is left out."""
    if not path.is_file():
        return []
    rows = table_rows(path, ["step"], whole=True)
    columns = next(rows, [])
    with naming(path, DAMAGED, MOVE):
        return [
            {name: cell for name, cell in zip(columns, row, strict=True) if cell} for row in rows
        ]


def last_value(path: Path, column: str) -> float | None:
    """The last value that was logged under a name, None if there is none."""
    values = [row[column] for row in read_rows(path) if column in row]
    with naming(path, DAMAGED):
        return float(values[-1]) if values else None


def replace_rows(path: Path, columns: list[str], rows: list[Row]) -> None:
    """Replace a metrics file in one step."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _as_text(value: Any) -> str:
    return repr(value.item()) if isinstance(value, Tensor) else str(value)
