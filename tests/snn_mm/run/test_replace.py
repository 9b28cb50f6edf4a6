"""A full disk, a limit or a kill leaves whole files, and a line that says what happened."""

from __future__ import annotations

import ast
import errno
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import snn_mm
from datamodules.cache import PreparedArrays, build_once
from feature_makers.extract.engine import FeatureCache
from snn_mm.analysis.landscape.probe import Value
from snn_mm.analysis.landscape.table import PointTable
from snn_mm.analysis.report.document import Document
from snn_mm.analysis.report.writer import write_report
from snn_mm.commands.predictions import write_predictions
from snn_mm.errors import UserError
from snn_mm.figures.style import save_figure
from snn_mm.run.checkpoint_io import AtomicCheckpointIO
from snn_mm.run.directory import RunDirectory, write_json, write_text
from snn_mm.run.epoch_table import EpochTable
from snn_mm.run.metrics_file import MetricsFile
from snn_mm.run.replace import appending, building, remove_leftovers, replacing

NOBODY = 2**31 - 1
"""A process that cannot be: process ids are smaller."""


def log(folder: Path, step: int) -> None:
    logger = MetricsFile(RunDirectory(folder))
    logger.log_metrics({"loss": 0.5}, step)
    logger.save()


def predict(folder: Path) -> None:
    batch = {"id": ["a"], "score": {"fused": torch.zeros(1)}}
    write_predictions(folder / "predictions.csv", [batch], ())


def arrays(folder: Path) -> None:
    build_once(folder / "made", lambda: {"x": np.zeros(5000)})
    PreparedArrays(folder / "made")["x"]


def report(folder: Path) -> None:
    write_report(Document("Report of runs", "today", []), folder, ["md"])


WRITERS: dict[str, Callable[[Path], None]] = {
    "text": lambda folder: write_text(folder / "x.txt", "new" * 100),
    "JSON": lambda folder: write_json(folder / "results.json", {"status": "new"}),
    "checkpoint": lambda folder: AtomicCheckpointIO().save_checkpoint(
        {"w": torch.zeros(5000)}, folder / "last.ckpt"
    ),
    "metrics": lambda folder: log(folder, 7),
    "epoch table": lambda folder: EpochTable(folder / "t.csv", ["epoch"]).append([[1], [2]]),
    "shorter table": lambda folder: EpochTable(folder / "t.csv", ["epoch"]).keep(lambda _: True),
    "landscape": lambda folder: PointTable(folder / "l.csv").add((0.0, 1.0), Value(0.5, 0.5)),
    "figure": lambda folder: save_figure(Figure(), folder / "f.png"),
    "predictions": predict,
    "report": report,
    "prepared arrays": arrays,
    "extracted features": lambda folder: FeatureCache(folder).put(
        "audio", "clip", "key", np.zeros((900, 2), np.float32)
    ),
}


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """As `ulimit -f`: who writes on is told that the file is too large."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("size", [0, 9])
@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_that_meets_a_limit_names_the_file_and_leaves_the_old_one(
    name: str, size: int, tmp_path: Path
) -> None:
    log(tmp_path, 0)
    for column in ("t.csv", "l.csv"):
        (tmp_path / column).write_text("epoch\n1\n" if column == "t.csv" else "x,y,loss,accuracy\n")
    for file in ("x.txt", "results.json", "last.ckpt", "f.png", "predictions.csv", "report.md"):
        (tmp_path / file).write_text("old")
    before = contents(tmp_path)
    with file_size_limit(size), pytest.raises(UserError) as caught:
        WRITERS[name](tmp_path)
    line, *_ = str(caught.value).split("\n")
    assert line.startswith(str(tmp_path))
    assert "can't be written: File too large" in line or "requested and" in line
    assert line.endswith(" MB are free")
    assert contents(tmp_path) == before
    WRITERS[name](tmp_path)
    assert contents(tmp_path) != before or name == "shorter table"


@pytest.mark.parametrize("size", [100, 5000, 20100, 20900, 21500])
def test_a_checkpoint_that_finds_no_room_anywhere_in_it_leaves_the_last(
    size: int, tmp_path: Path
) -> None:
    path, plugin = tmp_path / "last.ckpt", AtomicCheckpointIO()
    plugin.save_checkpoint({"epoch": 1}, path)
    with file_size_limit(size), pytest.raises(UserError, match=r"last\.ckpt can't be written"):
        plugin.save_checkpoint({"epoch": torch.zeros(5000)}, path)
    assert plugin.load_checkpoint(path) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, None]
)
def test_an_error_leaves_the_old_file_and_nothing_beside_it(
    code: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")
    said = os.strerror(code) if code else "2 requested and 1 written"
    with pytest.raises(UserError, match=rf"results\.json can't be written: {said}"):
        fail(path, OSError(code, said) if code else OSError(said))
    assert contents(tmp_path) == {"results.json": b"old"}


def fail(path: Path, error: Exception) -> None:
    with replacing(path) as temporary:
        temporary.write_text("ne")
        raise error


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    for error in (
        FileNotFoundError(errno.ENOENT, "gone", str(tmp_path.parent / "elsewhere" / "clip.wav")),
        ValueError("no number"),
        RuntimeError("no tensor"),
    ):
        with pytest.raises(type(error)) as caught:
            fail(tmp_path / "results.json", error)
        assert caught.value is error


def test_an_error_that_was_there_before_is_not_of_the_disk(tmp_path: Path) -> None:
    full, bug = OSError(errno.ENOSPC, "of before"), RuntimeError("no tensor")
    with pytest.raises(RuntimeError) as caught:
        fail_while(full, tmp_path / "results.json", bug)
    assert caught.value is bug
    assert bug.__context__ is full


def fail_while(full: OSError, path: Path, bug: RuntimeError) -> None:
    try:
        raise full
    except OSError:
        fail(path, bug)


def test_a_file_changes_only_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_lines_are_added_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    with appending(path) as file:
        file.write("1\n")
    with file_size_limit(5), pytest.raises(UserError, match="File too large"):
        append_lines(path)
    assert path.read_text() == "1\n"


def append_lines(path: Path) -> None:
    with appending(path) as file:
        file.write("2\n3\n4\n")


def leave(path: Path, age: float = 0.0) -> Path:
    """A file or directory as a kill left it, so many seconds ago."""
    path.touch() if path.suffix else path.mkdir()
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_only_what_dead_processes_left_is_removed(tmp_path: Path) -> None:
    left = [f".last.ckpt.{NOBODY}", f".metrics.csv.{NOBODY}"]
    kept = [f".results.json.{os.getpid()}", ".lock", ".gitignore", f"model.{NOBODY}", ".a.b"]
    for name in (*left, *kept):
        leave(tmp_path / name)
    reused = leave(tmp_path / f".config.yaml.{os.getpid()}", age=10 * 365 * 86400)
    remove_leftovers(tmp_path, tmp_path / "none")
    assert {path.name for path in tmp_path.iterdir()} == set(kept)
    assert not reused.exists(), "this process is younger than the file"


def test_only_what_dead_builds_left_is_removed(tmp_path: Path) -> None:
    with building(tmp_path / "x") as made:
        own = made.parent
        machine = own.name.split("-")[1]
        left = leave(tmp_path / f".building-{machine}-{NOBODY}-abcd")
        elsewhere = leave(tmp_path / f".building-01234567-{NOBODY}-abcd")
        old = leave(tmp_path / ".building-ab_d", age=2 * 86400)
        with building(tmp_path / "y"):
            assert own.exists(), "another process may build as well"
    assert not left.exists()
    assert not old.exists()
    assert elsewhere.exists()


ELSEWHERE = {
    "snn_mm/run/lock_mark.py": "a mark must be made, not replaced, to be exclusive",
    "snn_mm/config/manifest.py": "a file of the source, made by its developers",
    "datamodules/digits/speech.py": "a request in a temporary directory",
    "datamodules/raw/moving.py": "the last second of a sound in a temporary directory",
    "datamodules/store/writer.py": "a journal and its data, cut to whole entries at each start",
    "datamodules/feature_files/writer.py": "arrays of a directory that is replaced as one",
    "feature_makers/pretrained/output.py": "a journal whose last line may be cut short",
    "snn_mm/run/replace.py": "`appending` itself",
}


def test_every_file_is_written_as_one_that_a_full_disk_leaves_whole() -> None:
    root = Path(snn_mm.__file__).parents[1]
    files = (
        file
        for name in ("snn_mm", "datamodules", "feature_makers")
        for file in (root / name).rglob("*.py")
    )
    found = {str(file.relative_to(root)) for file in files if writes(ast.parse(file.read_text()))}
    assert found == set(ELSEWHERE)


def writes(tree: ast.AST) -> bool:
    """Whether something is written but under a name that `replacing` or `building` gave."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(
        call.func.attr in ("write_text", "write_bytes")
        or (call.func.attr == "open" and any(is_mode(each) for each in call.args))
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and not {"temporary", "made"} & {ast.unparse(each) for each in ast.walk(call.func.value)}
    )


def is_mode(argument: ast.expr) -> bool:
    """Whether an argument opens a file to write."""
    value = argument.value if isinstance(argument, ast.Constant) else None
    return isinstance(value, str) and len(value) <= 3 and bool(set("wax+") & set(value))
