"""`predictions.csv`: what `predict` leaves."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snn_mm.errors import UserError


def write_predictions(path: Path, batches: list[Any], class_names: list[str]) -> int:
    """Write one row a sample: its id, and the probability of every class by modality and fused.

    Args:
        path: the CSV file.
        batches: what the model's `predict_step` returned: dictionaries with `id`, a list of N
            names, and `probability`, `[N, K]` by modality.
        class_names: K names.

    Returns:
        The number of samples.

    Raises:
        UserError: the model predicts something else.
    """
    if not all(
        isinstance(batch, dict) and {"id", "probability"} <= set(batch) for batch in batches
    ):
        raise UserError("predict: the model's predict_step gives no `id` and `probability`")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        names = list(batches[0]["probability"]) if batches else []
        writer.writerow(["id", *(f"{name}/{kind}" for name in names for kind in class_names)])
        for batch in batches:
            writer.writerows(rows(batch, names))
    return sum(len(batch["id"]) for batch in batches)


def rows(batch: dict[str, Any], names: list[str]) -> Iterator[list[Any]]:
    """The rows of one batch."""
    probability = {name: batch["probability"][name].tolist() for name in names}
    for index, sample in enumerate(batch["id"]):
        yield [sample, *(value for name in names for value in probability[name][index])]
