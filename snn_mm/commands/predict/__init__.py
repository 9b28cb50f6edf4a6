"""`snnmm predict`: of the test set, or of files that belong to no data set."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from snn_mm.commands import train
from snn_mm.errors import UserError
from snn_mm.run.imports import heavy_imports

USAGE = """\
usage: snnmm predict FILE... --run RUN [--output FILE.csv|FILE.json] [--workers N]
       snnmm predict --ckpt_path RUN        the whole test set, into predictions.csv

What a run says of your own files: a film, a sound, an event file, features. Each is prepared as
the data that the run trained on; what a file lacks counts as absent.

  FILE            one sample: clip.mp4, or its inputs by name: audio=a.wav,events=b.bs2
                  (question=WORDS of AVQA, last); or @samples.csv, a column for each input
  --run RUN       a run directory, whose best checkpoint counts, or a checkpoint
  --ckpt_path P   another checkpoint of the run
  --output FILE   a table as CSV or JSON; what is in its journal already is not predicted again
  --workers N     processes that read files (0: this one)
  --trust NAME    a package or module whose classes the config may name

exit code: 0, or 1 if some file could not be read: the others are predicted all the same"""


def run(argv: list[str]) -> int:
    """Predict files where some are named; else write the predictions of the test set."""
    rest = argv[1:]
    if {"-h", "--help"} & set(rest):
        print(USAGE)
        return 0
    if not any(each == "--run" or each.startswith("--run=") for each in rest):
        if rest and not rest[0].startswith("-"):
            raise UserError("predict: of which run? accepted: snnmm predict FILE... --run RUN")
        return train.run(argv)
    parser = argparse.ArgumentParser(prog="snnmm predict", exit_on_error=False, add_help=False)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--run", required=True, type=Path)
    parser.add_argument("--ckpt_path", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    try:
        options, unknown = parser.parse_known_args(rest)
    except argparse.ArgumentError as error:
        raise UserError(f"predict: {error}") from None
    if unknown:
        raise UserError(f"predict: unknown option '{unknown[0]}'; see snnmm predict --help")
    if options.output is not None and options.output.suffix not in (".csv", ".json"):
        raise UserError(f"--output {options.output}; accepted: a name with .csv or .json")
    if options.workers < 0:
        raise UserError(f"--workers {options.workers}; accepted are 0 and more")
    given = [sample for text in options.files for sample in parse_sample(text)]
    if not given:
        raise UserError("predict: which files? accepted: snnmm predict FILE... --run RUN")
    with heavy_imports():
        from snn_mm.commands.predict.raw_files import predict_files

    return predict_files(given, options.ckpt_path or options.run, options.output, options.workers)


def parse_sample(text: str) -> Sequence[str | Mapping[str, str]]:
    """The samples that an argument names.

    Example:
        >>> parse_sample("audio=a.wav,events=b.bs2")
        [{'audio': 'a.wav', 'events': 'b.bs2'}]
        >>> parse_sample("clip.mp4")
        ['clip.mp4']
    """
    if text.startswith("@"):
        return read_list(Path(text[1:]))
    name, equals, _ = text.partition("=")
    if not equals or not name.isidentifier() or is_there(text):
        return [text]
    parts: list[str] = []
    for piece in text.split(","):
        if parts and not piece.partition("=")[0].isidentifier():
            parts[-1] += f",{piece}"  # a comma in a name, or in a question
        else:
            parts.append(piece)
    pairs = [part.partition("=") for part in parts]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise UserError(f"{text}: '{wrong[0]}' names no file; accepted: audio=a.wav,events=b.bs2")
    return [{name: value for name, _, value in pairs}]


def is_there(text: str) -> bool:
    """Whether an argument names a file; a long question can be no name."""
    try:
        return Path(text).exists()
    except OSError:
        return False


def one_sample(texts: Sequence[str]) -> str | Mapping[str, str]:
    """The one sample that arguments name: a file that has all, or its files by input.

    Raises:
        UserError: several files that are not named, or a table of several samples.

    Example:
        >>> one_sample(["audio=a.wav", "visual=b.png"])
        {'audio': 'a.wav', 'visual': 'b.png'}
    """
    given = [sample for text in texts for sample in parse_sample(text)]
    if len(given) == 1:
        return given[0]
    named = [each for each in given if isinstance(each, Mapping)]
    if len(named) != len(given):
        raise UserError(f"{len(given)} files; accepted: one, or MODALITY=FILE of each modality")
    files = {name: file for each in named for name, file in each.items()}
    if len(files) < sum(map(len, named)):
        raise UserError(f"{len(given)} samples; accepted: one, an input of it once")
    return files


def read_list(path: Path) -> list[Mapping[str, str]]:
    """The samples of a table, whose columns are inputs; an empty cell is an absent one."""
    from snn_mm.reading.text import read_rows

    header, *rows = list(read_rows(path)) or [[]]
    if not rows or any(len(row) != len(header) for row in rows):
        raise UserError(f"{path}: accepted is a line of names of inputs, and a line a sample")
    return [{name: cell for name, cell in zip(header, row) if cell} for row in rows]


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as CSV or, by the name of the file, as JSON."""
    from snn_mm.run.replace import replacing

    columns = list(dict.fromkeys(name for row in rows for name in row))
    with replacing(path) as made, made.open("w", newline="", encoding="utf-8") as file:
        if path.suffix == ".json":
            json.dump(list(rows), file, indent=1, ensure_ascii=False)
            return
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
