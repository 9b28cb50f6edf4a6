"""Results over two swept options, with the choice made on validation data (SGMT Table 4).

The paper searched its grid on the test set. The best of twenty test results is no estimate of what
comes next, so the choice here is that of the validation, and the best on test is named as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from snn_mm.analysis.report.config_facts import as_text, differing, select
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Comparison, Group, normal_key, value_of
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.naming import short_key
from snn_mm.analysis.report.statistics import MeanDeviation
from snn_mm.analysis.report.wording import NOTHING
from snn_mm.analysis.sentiment.score_metrics import RATES
from snn_mm.errors import UserError

Place = tuple[str, str]
"""Value of the row's option and value of the column's."""

CHOSEN, BEST_ON_TEST = "*", "†"
LEGEND = (
    f"{CHOSEN} chosen on validation data by {{select}}. {BEST_ON_TEST} best on test, which is how "
    "the paper chose: too good to expect of new data."
)


@dataclass(frozen=True)
class Grid:
    """Groups of runs by the values of two options.

    Attributes:
        rows_key: option of the rows; `columns_key` that of the columns.
        cells: runs that differ in their seeds.
    """

    rows_key: str
    columns_key: str
    cells: dict[Place, Group]

    @cached_property
    def rows(self) -> list[str]:
        """Values of the rows, in order."""
        return in_order({row for row, _ in self.cells})

    @cached_property
    def columns(self) -> list[str]:
        """Values of the columns, in order."""
        return in_order({column for _, column in self.cells})

    @property
    def places(self) -> list[Place]:
        """Where there are runs, row by row."""
        every = [(row, column) for row in self.rows for column in self.columns]
        return [place for place in every if place in self.cells]

    def summary(self, place: Place, metric: str) -> MeanDeviation | None:
        """Mean, deviation and number of a metric over the seeds of a cell."""
        return self.cells[place].summary(metric) if place in self.cells else None

    def best_on_test(self, metric: str) -> Place | None:
        """The best cell of a score of the test; None for other metrics."""
        is_score = metric.startswith("test/") and not metric.startswith(RATES)
        return self.best(metric) if is_score else None

    def best(self, metric: str) -> Place | None:
        """The cell of the best mean, the first of several; None where nothing is known.

        A deviation is no part of the choice, and so neither is luck that one seed had.
        """
        means = {p: s.mean for p in self.places if (s := self.summary(p, metric)) is not None}
        pick = min if Metric(metric).lower_is_better else max
        return pick(means, key=means.__getitem__, default=None)

    def title(self, place: Place) -> str:
        """A cell in words: `strength=0.01, scale_1=0.5`."""
        keys = short_key(self.rows_key), short_key(self.columns_key)
        return ", ".join(f"{key}={value}" for key, value in zip(keys, place))


def make_grid(comparison: Comparison, rows_key: str, columns_key: str) -> Grid:
    """Sort groups that were compared by two keys into a grid.

    Raises:
        UserError: there is one cell alone, or runs differ in something else, too.
    """
    keys = normal_key(rows_key), normal_key(columns_key)
    cells = {}
    for group in comparison.groups:
        run = group.counted[0]
        cells[value_of(run, keys[0]), value_of(run, keys[1])] = group
    if len(cells) < 2:
        raise UserError(
            f"grid: all runs have the same {rows_key} and {columns_key}\n"
            "accepted: runs of a sweep over --rows and --columns"
        )
    check_alike(comparison, keys)
    return Grid(*keys, cells)


def check_alike(comparison: Comparison, keys: Sequence[str]) -> None:
    """Refuse runs that would share a cell although they are of two methods.

    Raises:
        UserError: names the first option that differs, and its values.
    """
    many = []
    for run in (run for group in comparison.groups for run in group.counted):
        facts = {
            **select(run.facts, "method", comparison.library.observers),
            **select(run.facts, "protocol", comparison.library.observers),
        }
        many.append({key: value for key, value in facts.items() if key not in keys})
    for key in differing(many):
        values = in_order({as_text(facts[key]) for facts in many if key in facts})
        raise UserError(
            f"grid: the runs differ in {key} too ({', '.join(values[:4])})\n"
            "give the runs of one of them, or name it with --rows or --columns"
        )


def in_order(values: set[str]) -> list[str]:
    """Numbers by size, before words by alphabet."""

    def place(value: str) -> tuple[bool, float, str]:
        try:
            return False, float(value), value
        except ValueError:
            return True, 0.0, value

    return sorted(values, key=place)


def blocks_table(grid: Grid, select_by: str, metrics: Sequence[str]) -> Table:
    """One block a metric: rows and columns of the grid, with both kinds of choice marked."""
    chosen = grid.best(select_by)
    heads = [f"{short_key(grid.columns_key)}={value}" for value in grid.columns]
    rows = []
    for metric in metrics:
        best = grid.best_on_test(metric)
        for row in grid.rows:
            places = [(row, column) for column in grid.columns]
            cells = [
                Metric(metric).write(grid.summary(place, metric)) + marks(place, chosen, best)
                for place in places
            ]
            rows.append([metric, row, *cells])
    caption = "Mean ± standard deviation over seeds (number of seeds); shares in percent. "
    return Table(
        "grid",
        caption + LEGEND.format(select=select_by),
        ["Metric", short_key(grid.rows_key), *heads],
        rows,
    )


def marks(place: Place, chosen: Place | None, best: Place | None) -> str:
    """What follows the numbers of a cell."""
    found = (CHOSEN if place == chosen else "") + (BEST_ON_TEST if place == best else "")
    return f" {found}" if found else ""


def choice_table(grid: Grid, select_by: str, metrics: Sequence[str]) -> Table:
    """What the validation's choice reaches, beside the best cell of each metric on test."""
    chosen = grid.best(select_by)
    rows = []
    for metric in metrics:
        best = grid.best_on_test(metric)
        write = Metric(metric).write
        ours = write(grid.summary(chosen, metric)) if chosen else NOTHING
        other = [write(grid.summary(best, metric)), grid.title(best)] if best else [NOTHING] * 2
        rows.append([metric, ours, *other])
    caption = (
        f"The cell chosen on validation data by {select_by}, and for each metric the cell that is "
        "best on test, as the paper chose."
    )
    head = f"chosen: {grid.title(chosen)}" if chosen else "chosen"
    return Table("choice", caption, ["Metric", head, "best on test", "which is"], rows)


def cells_table(grid: Grid, metrics: Sequence[str]) -> Table:
    """Every number as it is, a line each, for other programs."""
    rows = []
    for place in grid.places:
        for metric in metrics:
            if (found := grid.summary(place, metric)) is not None:
                numbers = [f"{found.mean:.6g}", f"{found.deviation:.6g}", str(found.size)]
                rows.append([*place, metric, *numbers])
    heads = [grid.rows_key, grid.columns_key, "metric", "mean", "deviation", "seeds"]
    return Table("cells", "Every cell and metric.", heads, rows, folded=True)
