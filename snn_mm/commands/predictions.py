"""`predictions.csv`: what `predict` leaves."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from snn_mm.errors import UserError
from snn_mm.run.replace import replacing

KINDS = ("probability", "score")
"""What a model may predict: a probability of every class, or one score."""


def write_predictions(path: Path, batches: list[Any], class_names: Sequence[str]) -> int:
    """Write one row a sample: its id, and what every head says of it.

    A head that gives probabilities has a column for each class, `audio/dog`; one that gives a score
    has a column of its name.

    Args:
        path: the CSV file.
        batches: what the model's `predict_step` returned: dictionaries with `id`, a list of N
            names, and either `probability`, `[N, K]` by head, or `score`, `[N]` by head.
        class_names: K names; of no use for scores.

    Returns:
        The number of samples.

    Raises:
        UserError: the model predicts something else.
    """
    kind = predicted_kind(batches)
    names = list(batches[0][kind]) if batches else []
    columns = [column for name in names for column in column_names(name, kind, class_names)]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *columns])
        for batch in batches:
            writer.writerows(rows(batch["id"], [batch[kind][name] for name in names]))
    return sum(len(batch["id"]) for batch in batches)


def predicted_kind(batches: list[Any]) -> str:
    """Which of `KINDS` all batches have.

    Raises:
        UserError: none.
    """
    for kind in KINDS:
        if all(isinstance(batch, dict) and {"id", kind} <= set(batch) for batch in batches):
            return kind
    raise UserError("predict: the model's predict_step gives no `id` and `probability` or `score`")


def column_names(head: str, kind: str, class_names: Sequence[str]) -> list[str]:
    """The columns of one head."""
    return [head] if kind == "score" else [f"{head}/{name}" for name in class_names]


def rows(ids: list[str], predicted: list[Any]) -> Iterator[list[Any]]:
    """The rows of one batch.

    Args:
        ids: N names.
        predicted: `[N]` or `[N, K]` of each head.
    """
    columns = [values.reshape(len(values), -1).tolist() for values in predicted]  # [N, 1 or K]
    for sample, *cells in zip(ids, *columns, strict=True):
        yield [sample, *(value for cell in cells for value in cell)]
