"""What a run predicts of raw files, one after the other, each said at once and kept."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

import snn_mm
from snn_mm.analysis.line_table import LineTable
from snn_mm.commands.predict import is_there, write_table
from snn_mm.commands.predictions import answers, column_names, predicted_kind
from snn_mm.errors import UserError
from snn_mm.reading.text import readable

Files = str | Mapping[str, str]


class PredictionJournal(LineTable[str, dict[str, Any]]):
    """What was predicted, a line for each sample, by what tells it from others."""

    WHAT = "journal of predictions"

    @staticmethod
    def parsed(content: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Key and prediction of a line."""
        return str(content["key"]), dict(content["row"])

    @staticmethod
    def line(task: str, result: dict[str, Any]) -> str:
        """A prediction under its key."""
        return json.dumps({"key": task, "row": result}) + "\n"


class RawSamples(Dataset[Any]):
    """Samples of files; of one that can't be read, why."""

    def __init__(self, data: Any, files: Sequence[Files]) -> None:
        self.data, self.files = data, files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Any, list[str]]:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                sample = self.data.read_raw(self.files[index])
            except UserError as error:
                return str(error), []
        return sample, [str(each.message) for each in said if _is_note(each.message)]


def _is_note(message: object) -> bool:
    from datamodules.store.clip import ClipNote

    return isinstance(message, ClipNote)


def predict_files(files: Sequence[Files], run: Path, output: Path | None, workers: int) -> int:
    """Predict files, print what is said of each, and write a table.

    Returns:
        1 if some file could not be read, else 0.

    Raises:
        UserError: no such run, or its data are missing and it did not record what they taught.
    """
    restored = snn_mm.load_run(run, stages=())
    module, directory = restored.module, restored.run
    data: Any = restored.data
    if not hasattr(data, "read_raw"):
        raise UserError(f"{type(data).__name__} reads no raw files")
    data.raw_readers()
    journal = None if output is None else output.with_name(f"{output.name}.journal")
    kept = None if journal is None else PredictionJournal(journal)
    done = {} if kept is None else dict(kept.record)
    weights = run if run.suffix == ".ckpt" else directory.best
    keys = [_key(each, weights) for each in files]
    to_do = [place for place, key in enumerate(keys) if key not in done]
    loader = DataLoader(
        RawSamples(data, [files[place] for place in to_do]),
        batch_size=None,
        num_workers=min(workers, len(to_do)),
    )
    rows: dict[str, dict[str, Any]] = {key: done[key] for key in keys if key in done}
    for place, (sample, notes) in zip(to_do, loader):
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        row = _row(module, data, _name(files[place]), sample)
        rows[keys[place]] = row
        if "error" in row:
            print(f"snnmm: error: {_mistake(row)}", file=sys.stderr)
            continue
        print(_line(row), flush=True)
        if kept is not None:
            kept.add(keys[place], row)
    if output is not None:
        write_table(output, [rows[key] for key in keys])
    return int(any("error" in row for row in rows.values()))


def _row(module: Any, data: Any, name: str, sample: Any) -> dict[str, Any]:
    """What is said of a sample, or the mistake in a line."""
    mistake = sample
    if not isinstance(sample, str):
        try:
            return {"file": name, **_predicted(module, data, sample)}
        except UserError as error:
            mistake = str(error)
    return {"file": name, "error": readable(mistake.replace("\n", "; "))}


def _predicted(module: Any, data: Any, sample: Any) -> dict[str, Any]:
    """Probabilities of classes, or scores, by head; what says nothing of the sample is left out."""
    batch = data.raw_batch([sample])
    with torch.inference_mode():
        said = module.predict_step(batch, 0)
    kind = predicted_kind([said])
    names = data.preparation.get("class_names") or getattr(data, "class_names", ())
    absent = [name for name, there in batch.get("present", {}).items() if not there.all()]
    row: dict[str, Any] = {"id": sample.id}
    row |= {column: value for column, (value,) in answers(said, names, {}).items()}
    for head, values in said[kind].items():
        if head in absent:
            continue
        cells = values.reshape(-1).tolist()
        row |= {
            column: value
            for column, value in zip(column_names(head, kind, names), cells)
            if math.isfinite(value)
        }
    return row


def _line(row: Mapping[str, Any]) -> str:
    """What a row says, a head after the other: the likeliest class, or the score."""
    best: dict[str, tuple[str, float]] = {}
    for column, value in row.items():
        head, slash, name = column.partition("/")
        if isinstance(value, float) and (head not in best or value > best[head][1]):
            best[head] = (name if slash else "", value)
    said = (f"{head} {name} {value:.3f}".replace("  ", " ") for head, (name, value) in best.items())
    return f"{row['file']}  {'  '.join(said)}"


def _mistake(row: Mapping[str, Any]) -> str:
    """The mistake in a row, in a line that names the file once."""
    file, said = row["file"], row["error"]
    for name in (file, Path(file).name) if "=" not in file else ():
        said = said.removeprefix(name).removeprefix(":").strip()
    return f"{file}: {said}"


def _name(files: Files) -> str:
    named = files if isinstance(files, str) else ",".join(f"{k}={v}" for k, v in files.items())
    return readable(named)


def _key(files: Files, weights: Path) -> str:
    """What tells whether a prediction is still that of the same files by the same weights."""
    paths = [files] if isinstance(files, str) else list(files.values())
    stats = []
    for text in map(str, (*paths, weights)):
        path = Path(text if is_there(text) else text.rpartition(":")[0])
        status = path.stat() if is_there(str(path)) and path.is_file() else None
        stats.append([text, status and status.st_size, status and status.st_mtime_ns])
    return json.dumps([_name(files), stats])
