"""Writes the matrix of tasks into the run directory."""

from __future__ import annotations

from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from snn_mm.callbacks.recording.run_files import run_directory, writes_files
from snn_mm.figures.style import save_figure
from snn_mm.figures.task_matrix import draw_task_matrix
from snn_mm.run.directory import write_text

Matrix = list[list[float]]


class MatrixRecord(Callback):
    """Write `matrix.csv` and `figures/matrix.png` after each task and after a test.

    A continual module brings it along; rows are tasks learned, columns tasks tested.
    """

    def __init__(self) -> None:
        self._written: Matrix = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the row of the task before."""
        self._write(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the row of the last task."""
        self._write(trainer, pl_module)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the row that was tested."""
        self._write(trainer, pl_module)

    def _write(self, trainer: Trainer, module: Any) -> None:
        matrix: Matrix = module.matrix
        run = run_directory(trainer)
        if matrix == self._written or not writes_files(trainer):
            return
        self._written = matrix
        run.path.mkdir(parents=True, exist_ok=True)
        write_text(run.path / "matrix.csv", to_csv(matrix))
        learned = len(matrix)
        figure = draw_task_matrix(torch.tensor(matrix)[:, :learned])
        save_figure(figure, run.figures / "matrix.png")


def to_csv(matrix: Matrix) -> str:
    """A matrix as CSV: one line a task learned, one column a task tested, empty if unseen."""
    width = max((len(row) for row in matrix), default=0)
    rows = [["learned", *(f"task_{task}" for task in range(width))]]
    for learned, row in enumerate(matrix):
        numbers = enumerate(row)
        rows.append([str(learned), *(f"{a:.6f}" if task <= learned else "" for task, a in numbers)])
    return "".join(",".join(row) + "\n" for row in rows)
