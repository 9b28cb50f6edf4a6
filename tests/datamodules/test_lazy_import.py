"""The package names its classes without importing torch before one is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import datamodules


def test_importing_the_package_needs_no_torch() -> None:
    code = "import sys, datamodules; print('torch' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "False\n"


@pytest.mark.parametrize("name", datamodules._HOMES)
def test_every_name_is_a_class(name: str) -> None:
    assert getattr(datamodules, name).__name__ == name


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(datamodules.__file__).read_text())
    imported = {
        alias.name
        for block in tree.body
        if isinstance(block, ast.If)
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert imported == set(datamodules._HOMES)


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        datamodules.Nothing  # noqa: B018
