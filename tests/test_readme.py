"""The README is short, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_it_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 150


def test_the_commonest_commands_are_in_it() -> None:
    assert {"fit", "test", "sweep", "report", "list", "doctor"} <= set(
        re.findall(r"snnmm (\w+)", README)
    )


def test_every_experiment_is_in_it() -> None:
    for path in (ROOT / "experiments").glob("*.yaml"):
        if path.name != "published.yaml":  # the papers' numbers
            assert f"experiments/{path.name}" in README


@pytest.mark.parametrize("target", ["demo", "test", "docs"])
def test_make_targets_named_exist(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
