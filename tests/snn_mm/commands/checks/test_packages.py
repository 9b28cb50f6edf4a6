"""Installed versions against bounds."""

from __future__ import annotations

import platform
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from snn_mm.commands.checks import packages
from snn_mm.commands.checks.result import Check, Status

REQUIRES = {
    "snn_mm": ["torch<2.15,>=2.11", 'gone>=1; extra == "demo"', 'ancient; python_version < "3"'],
    "torch": ["numpy>=3"],
}


def declared_extras() -> set[str]:
    text = Path(__file__).parents[4].joinpath("pyproject.toml").read_text()
    return set(tomllib.loads(text)["project"]["optional-dependencies"])


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Replace what is installed: fill the dictionary with versions by name."""
    versions: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", REQUIRES.get)
    return versions


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (None, "missing"),
        ("2.10.1", "too old"),
        ("2.11.0", ""),
        ("2.14.1+cpu", ""),
        ("2.14.0rc1", ""),
        ("2.15.0", "too new"),
        ("2.13.0", "2.13.0 is excluded"),
    ],
)
def test_complaint(installed: dict[str, str], version: str | None, words: str) -> None:
    if version:
        installed["torch"] = version
    assert packages.complaint(Requirement("torch>=2.11,<2.15,!=2.13.*")) == words


@pytest.mark.parametrize(("version", "words"), [("1.4", "too old"), ("1.6", "too new")])
def test_a_pinned_release_has_two_sides(
    installed: dict[str, str], version: str, words: str
) -> None:
    installed["x"] = version
    assert packages.complaint(Requirement("x==1.5.*")) == words


def test_unfit_package_fails_with_version_and_bounds(installed: dict[str, str]) -> None:
    installed["torch"] = "2.9"
    detail = "2.9, accepted >=2.11,<2.15: too old"
    assert list(packages.check_requirements()) == [Check(Status.FAIL, "torch", detail)]


def test_fitting_package_is_ok_and_foreign_markers_are_left_out(installed: dict[str, str]) -> None:
    installed["torch"] = "2.12"
    (check,) = packages.check_requirements()
    assert check.status is Status.OK


def test_missing_extra_is_no_failure_and_names_its_remedy(installed: dict[str, str]) -> None:
    extras = {check.name: check for check in packages.check_extras()}
    assert set(extras) == {f"extra: {name}" for name in declared_extras()}
    demo, dev = extras["extra: demo"], extras["extra: dev"]
    assert demo.status is Status.INFO
    assert "gone missing; pip install 'snn_mm[demo]'" in demo.detail
    assert dev.status is Status.OK


def test_a_package_whose_own_needs_are_unmet_is_a_warning(installed: dict[str, str]) -> None:
    installed |= {"torch": "2.12", "numpy": "2.3"}
    assert list(packages.check_agreement()) == [
        Check(Status.WARN, "torch", "wants numpy >=3, found 2.3")
    ]


def test_this_environment_fits() -> None:
    assert {check.status for check in packages.check_requirements()} == {Status.OK}


def test_running_python_fits_and_an_old_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    (now,) = packages.check_python()
    monkeypatch.setattr(platform, "python_version", lambda: "3.10.14")
    (old,) = packages.check_python()
    assert (now.status, old.status) == (Status.OK, Status.FAIL)
    assert "needs >=3.11" in old.detail
