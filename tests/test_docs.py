"""Whatever README and docs name of the code is there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAME = re.compile(r"\b(?:snn_mm|datamodules)(?:\.\w+)+")
FOLDERS = "snn_mm|datamodules|experiments|examples|benchmarks|tests"
FILE = re.compile(rf"\b(?:{FOLDERS})/[\w/]+\.(?:py|yaml)\b")

THEIRS = {"experiments/mine.yaml"}
"""What a reader is told to write."""


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    known = [k for k in range(1, len(parts) + 1) if module_file(parts[:k])]
    found = import_module(".".join(parts[: max(known)]))
    for part in parts[max(known) :]:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def module_file(parts: list[str]) -> bool:
    place = ROOT.joinpath(*parts)
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_name_and_file_of_a_page_is_there(page: Path) -> None:
    text = page.read_text()
    assert [name for name in sorted(set(NAME.findall(text))) if not is_there(name)] == []
    files = sorted(set(FILE.findall(text)) - THEIRS)
    assert [file for file in files if not (ROOT / file).is_file()] == []
