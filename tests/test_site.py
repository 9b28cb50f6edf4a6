"""The site of `make docs` builds without a warning, and fetches nothing."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import griffe
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("snn_mm", "datamodules", "feature_makers")
FETCHED = re.compile(
    r"""(?:src=|<link [^>]*rel="?stylesheet"?[^>]*href=)["']?(?:https?:)?//[^"' ]+"""
)


def build(site: Path, **environment: str) -> str:
    """All pages of the site, built strictly."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(site)]
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1", **environment}
    done = subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return "".join(page.read_text() for page in site.rglob("*.html"))


def test_pages_have_no_dead_link_and_fetch_nothing(tmp_path: Path) -> None:
    pages = build(tmp_path, SNN_MM_DOCS="pages")
    assert "class Brake" in re.sub(r"<[^>]+>", "", pages)  # the examples are pages too
    assert FETCHED.findall(pages) == []


@pytest.mark.slow
def test_the_api_is_built_without_a_warning(tmp_path: Path) -> None:
    pages = build(tmp_path)
    for name in ("snn_mm.fusion.Concat", "datamodules.split.Split", "feature_makers.extract"):
        assert f'id="{name}' in pages
    assert FETCHED.findall(pages) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_agree_with_signatures(package: str, caplog: pytest.LogCaptureFixture) -> None:
    parameters: set[str] = set()
    with caplog.at_level(logging.INFO, logger="griffe"):
        places = [griffe.load(package, search_paths=[ROOT], allow_inspection=False)]
        while places:
            for member in places.pop().members.values():
                if member.is_alias:
                    continue
                if member.docstring:
                    member.docstring.parse("google", warn_missing_types=False)
                if member.is_function:
                    parameters |= {parameter.name for parameter in member.parameters}
                if member.is_module or member.is_class:
                    places.append(member)
    said = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
    lines = [line for line in said if line.startswith((package, str(ROOT)))]
    # A base class documents arguments that its subclasses share.
    elsewhere = {
        f"Parameter '{name}' does not appear in the class signature" for name in parameters
    }
    elsewhere |= {line.replace("class", "function") for line in elsewhere}
    assert [line for line in lines if line.split(": ", 1)[1] not in elsewhere] == []
