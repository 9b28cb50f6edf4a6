"""Damaged files, twenty of each reader; `make fuzz` damages two thousand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fuzz.forks import Outcomes, Reader, fuzz, table
from tests.fuzz.readers import READERS

ROOT = Path(__file__).parents[2]
PARSERS = re.compile(
    r"json\.loads?\(|yaml\.(safe_load|load|compose)\(|np\.load\(|csv\.(reader|DictReader)\("
    r"|h5py\.File\(|torch\.load\("
)
OTHERS = {
    "snn_mm/config/catalogue.py": "the manifest that is part of the package",
    "snn_mm/callbacks/recording/run_record.py": "the config that this process has dumped",
    "snn_mm/commands/training_cli.py": "the config that this process has dumped",
    "snn_mm/analysis/report/curves.py": "counts damaged rows instead of refusing the table",
    "datamodules/store/digests.py": "digests beside a store",
    "datamodules/digits/espeak.py": "what its parent has just written",
    "datamodules/digits/speech.py": "what its child has just written",
    "feature_makers/pretrained/output.py": "writes HDF5",
    "feature_makers/pretrained/audio_mae.py": "a line for a user to type",
}
"""Where parsers are called beside `snn_mm/reading`, and of what."""

ELSEWHERE = {
    "snn_mm.analysis.line_table": "by its tables",
    "snn_mm.analysis.report.curves": "by the report",
    "snn_mm.analysis.report.run_files": "by the report",
    "snn_mm.commands.resuming.carry": "needs a trainer: test_carry",
    "datamodules.store.remote": "by the store of clips",
    "datamodules.archives.archive": "by the archives of recordings",
    "datamodules.table.files": "mistakes in each kind of file: tests/datamodules/table",
    "datamodules.table.rows": "mistakes in each kind of row: tests/datamodules/table",
    "datamodules.digits.raw": "by the readers of digits that it calls",
    "datamodules.raw.arrays": "by the reader of arrays that it calls",
    "datamodules.raw.recordings": "by the reader of clips that it calls",
    "datamodules.raw.reads": "hostile files: tests/snn_mm/commands/predict",
    "snn_mm.commands.predict.__init__": "by the reader of tables that it calls",
    "snn_mm.commands.predict.raw_files": "names of files, no files",
    "snn_mm.config.explain": "what was typed",
    "snn_mm.config.parser": "what was typed",
    "feature_makers.pretrained.audio_mae": "needs timm: test_audio_mae",
}
"""Modules that use a reader, and what tries it."""


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_damage_ends_in_a_value_or_in_a_named_error(reader: Reader, tmp_path: Path) -> None:
    outcomes = fuzz(reader, 20, tmp_path)
    assert sum(outcomes.counts.values()) == 20
    assert outcomes.bad == {}, outcomes.examples


def fail(folder: Path) -> None:
    raise KeyError("x")


def loop(folder: Path) -> None:
    while True:
        pass


@pytest.mark.parametrize(("read", "kind"), [(fail, "KeyError"), (loop, "TooLongError")])
def test_another_error_and_a_loop_are_found(
    read: object, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.forks.CPU_SECONDS", 0.2)
    whole = b"abc"

    def only_damaged(folder: Path) -> None:
        if (folder / "a").read_bytes() != whole:
            read(folder)  # type: ignore[operator]

    def make(folder: Path) -> list[Path]:
        (folder / "a").write_bytes(whole)
        return [folder / "a"]

    outcomes = fuzz(Reader("bad", make, only_damaged), 2, tmp_path)
    assert set(outcomes.bad) == {kind}
    assert "seed" in outcomes.examples[kind]


def test_the_table_tells_what_came_of_each_reader() -> None:
    one = Outcomes()
    for kind in ("read", "refused", "refused", "KeyError"):
        one.add(0, kind, "", 0.5)
    assert table({"a": one}).splitlines()[-1] == "| a | 1 | 2 | KeyError 1 | 0.50 |"


def test_files_from_outside_are_parsed_in_one_room_alone() -> None:
    packages = ("snn_mm", "datamodules", "feature_makers")
    files = [file for package in packages for file in (ROOT / package).rglob("*.py")]
    found = {str(file.relative_to(ROOT)) for file in files if PARSERS.search(file.read_text())}
    assert {name for name in found if not name.startswith("snn_mm/reading/")} == OTHERS.keys()


def test_every_module_that_reads_is_among_the_readers() -> None:
    """By what the table imports: a new reader needs a line in it."""
    packages = ("snn_mm", "datamodules", "feature_makers")
    files = [file for package in packages for file in (ROOT / package).rglob("*.py")]
    reading = [file.relative_to(ROOT) for file in files if "snn_mm.reading." in file.read_text()]
    names = {".".join(file.with_suffix("").parts) for file in reading}
    imports = re.findall(r"from ([\w.]+) import (.+)", (ROOT / "tests/fuzz/readers.py").read_text())
    known = {f"{room}.{name}" for room, line in imports for name in re.findall(r"\w+", line)}
    known |= {room for room, _ in imports}
    others = {name for name in names - known if not name.startswith("snn_mm.reading.")}
    assert others == ELSEWHERE.keys()
