"""`predictions.csv`: what `predict` leaves."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from snn_mm.contracts import FUSED
from snn_mm.errors import UserError
from snn_mm.run.replace import replacing

KINDS = ("probability", "score")
"""What a model may predict: a probability of every class, or one score."""


def write_predictions(
    path: Path,
    batches: list[Any],
    class_names: Sequence[str],
    targets: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Write one row a sample: its id, and what every head says of it.

    Where targets are known there is the column `target`, and of classes `predicted`, the most
    probable one of the fused head. A head that gives probabilities has a column for each class,
    `audio/dog`; one that gives a score has a column of its name.

    Args:
        path: the CSV file.
        batches: what the model's `predict_step` returned: dictionaries with `id`, a list of N
            names, and either `probability`, `[N, K]` by head, or `score`, `[N]` by head.
        class_names: K names; of no use for scores.
        targets: the class index or the score of each sample, by its id.

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
        first = answers(batches[0], class_names, targets) if batches else {}
        writer.writerow(["id", *first, *columns])
        for batch in batches:
            told = answers(batch, class_names, targets).values()
            cells = rows(batch["id"], [batch[kind][name] for name in names])
            writer.writerows(
                [sample, *own, *values]
                for (sample, *values), own in zip(cells, columned(told, batch))
            )
    return sum(len(batch["id"]) for batch in batches)


def answers(
    batch: Mapping[str, Any], class_names: Sequence[str], targets: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """The columns before those of the heads: what is true, and which class is the most probable.

    Args:
        batch: of `predict_step`.
        class_names: K names.
        targets: the class index or the score of each sample, by its id.
    """
    probability = batch.get("probability", {})

    def name(k: int) -> Any:
        return class_names[k] if k < len(class_names) else k

    told: dict[str, list[Any]] = {}
    if all(sample in targets for sample in batch["id"]):
        true = [targets[sample] for sample in batch["id"]]
        told["target"] = [name(int(k)) for k in true] if probability else true
    if FUSED in probability:
        told["predicted"] = [name(k) for k in probability[FUSED].argmax(dim=-1).tolist()]
    return told


def columned(columns: Iterable[list[Any]], batch: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The cells of each sample from those of each column; none where there is no column."""
    return list(zip(*columns)) or [()] * len(batch["id"])


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
