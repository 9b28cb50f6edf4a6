"""The house keeps its measures: folders one can look through, files one can read."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("snn_mm", "datamodules", "feature_makers")
FILES = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]


def test_no_folder_holds_more_than_twenty_files() -> None:
    held = Counter(file.parent for file in FILES)
    assert {str(folder): number for folder, number in held.items() if number > 20} == {}


def test_no_file_has_more_than_250_lines() -> None:
    lines = {str(file): len(file.read_text().splitlines()) for file in FILES}
    assert {file: number for file, number in lines.items() if number > 250} == {}


def test_no_two_public_classes_have_one_name() -> None:
    bodies = (ast.parse(file.read_text()).body for file in FILES)
    names = Counter(node.name for body in bodies for node in body if isinstance(node, ast.ClassDef))
    public = {name: number for name, number in names.items() if not name.startswith("_")}
    assert {name for name, number in public.items() if number > 1} == set()
