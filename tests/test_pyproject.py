"""What `pyproject.toml` promises of the packages is true of them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

import snn_mm

ROOT = Path(__file__).parents[1]


def test_every_package_of_the_wheel_says_that_it_is_typed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert "Typing :: Typed" in project["project"]["classifiers"]
    assert [name for name in packages if not (ROOT / name / "py.typed").is_file()] == []


def test_the_citation_has_what_its_form_requires() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["version"] == snn_mm.__version__
    works = [cited, *cited["references"]]
    assert all({"type", "title", "authors"} <= set(work) for work in works)
    assert all(set(who) & {"name", "family-names"} for work in works for who in work["authors"])


def test_hooks_and_issue_forms_can_be_read() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
    assert forms
    for form in forms:
        assert {"name", "description", "body"} <= set(yaml.safe_load(form.read_text()))
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repo["repo"] for repo in hooks["repos"]} == {"local"}  # fetches nothing
