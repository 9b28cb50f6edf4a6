"""Computes the landscape of one finished run and keeps it in the run's directory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snn_mm.analysis.kept import held, kept_file
from snn_mm.analysis.landscape.probe import Cut, Value, open_probe
from snn_mm.analysis.landscape.settings import LandscapeSettings
from snn_mm.analysis.landscape.table import PointTable, Values
from snn_mm.analysis.workers import Progress, RunPlace, measure_all
from snn_mm.config.restore import restore
from snn_mm.run.directory import RunDirectory

Floats = NDArray[np.float64]
FOLDER = "landscape"


@dataclass(frozen=True)
class Surface:
    """A landscape: loss in nats and accuracy on a line `[1, R]` or a plane `[R, R]`.

    Rows go along the second direction, columns along the first; the middle is the trained network.

    Attributes:
        ticks: multiples of a direction `[R]`.
    """

    ticks: Floats
    loss: Floats
    accuracy: Floats

    @classmethod
    def of(cls, settings: LandscapeSettings, values: Values) -> Surface:
        """The finished points of a grid."""
        ordered = np.array([values[point] for point in settings.points])  # [R*R, 2] or [R, 2]
        loss, accuracy = ordered.T.reshape(2, -1, settings.resolution)  # [1 or R, R] each
        return cls(settings.ticks, loss, accuracy)

    @property
    def centre(self) -> Value:
        """Loss and accuracy of the trained network."""
        row, column = (size // 2 for size in self.loss.shape)
        return Value(float(self.loss[row, column]), float(self.accuracy[row, column]))

    @property
    def profile(self) -> tuple[Floats, Floats]:
        """Loss and accuracy along the first direction, `[R]` each."""
        row = self.loss.shape[0] // 2
        return self.loss[row], self.accuracy[row]


def compute_surface(
    place: RunPlace, settings: LandscapeSettings, jobs: int = 1, progress: Progress | None = None
) -> Surface:
    """Compute what is missing of a run's landscape; see `table_path` for where it is kept.

    Killed and started again it goes on, to the same numbers.

    Args:
        place: run, data and device.
        settings: what is computed.
        jobs: processes.
        progress: told of every point.

    Raises:
        UserError: no run, no checkpoint, no data, or another process computes the same run.
    """
    with held(place, FOLDER) as run:
        table = PointTable(table_path(run, settings))
        total = len(settings.points)
        missing = [point for point in settings.points if point not in table.values]
        make_cut = partial(open_cut, place, settings)
        for point, value in measure_all(make_cut, missing, jobs):
            table.add(point, value)
            if progress is not None:
                progress(len(table.values), total)
        table.finish(settings.points)
    return Surface.of(settings, table.values)


def table_path(run: RunDirectory, settings: LandscapeSettings) -> Path:
    """The CSV file of a landscape; see `kept_file`."""
    return kept_file(run, FOLDER, settings, ".csv")


def open_cut(place: RunPlace, settings: LandscapeSettings) -> Cut:
    """Restore a run and cut its landscape; what every worker starts with."""
    restored = restore(place.run, place.device, place.data_root)
    return Cut(open_probe(restored, settings, settings.scope), settings)
