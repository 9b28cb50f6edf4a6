"""Python and the installed packages against this project's own requirement bounds."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from snn_mm.commands.checks.result import Check, fail, info, ok, warn

DISTRIBUTION = "snn_mm"


def check_python() -> Iterator[Check]:
    """Compare the running Python with the bound in the project's metadata."""
    detail = f"{platform.python_version()} ({sys.executable})"
    bound = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    fits = Requirement(f"python{bound}").specifier.contains(platform.python_version())
    yield ok("python", detail) if fits else fail("python", f"{detail}: needs {bound}")


def check_requirements() -> Iterator[Check]:
    """Compare each required package with its bounds; a missing or unfit one is a failure."""
    for requirement in project_requirements():
        problem = complaint(requirement)
        detail = f"{installed(requirement.name) or 'none'}, accepted {_bounds(requirement)}"
        name = requirement.name
        yield fail(name, f"{detail}: {problem}") if problem else ok(name, detail)


def check_extras() -> Iterator[Check]:
    """Say which extras are complete; the library works without them."""
    for extra in metadata.metadata(DISTRIBUTION).get_all("Provides-Extra", []):
        problems = [
            f"{requirement.name} {problem}"
            for requirement in project_requirements(extra)
            if (problem := complaint(requirement))
        ]
        if problems:
            remedy = f"pip install '{DISTRIBUTION}[{extra}]'"
            yield info(f"extra: {extra}", f"{', '.join(problems)}; {remedy}")
        else:
            yield ok(f"extra: {extra}", "complete")


def check_agreement() -> Iterator[Check]:
    """Look for packages whose own requirements the installed set does not meet."""
    for name in [requirement.name for requirement in project_requirements()]:
        if installed(name) is None:
            continue
        for needed in _applicable(metadata.requires(name) or []):
            problem = complaint(needed)
            if problem:
                found = installed(needed.name) or "none"
                yield warn(name, f"wants {needed.name} {_bounds(needed)}, found {found}")


def project_requirements(extra: str = "") -> list[Requirement]:
    """Return what the project requires, or what one of its extras adds.

    Raises:
        importlib.metadata.PackageNotFoundError: the project itself is not installed.
    """
    lines = metadata.requires(DISTRIBUTION) or []
    if not extra:
        return _applicable(lines)
    base = {str(requirement) for requirement in _applicable(lines)}
    return [item for item in _applicable(lines, extra) if str(item) not in base]


def complaint(requirement: Requirement) -> str:
    """Say what is wrong with the installed package: missing, too old, too new; empty if it fits."""
    found = installed(requirement.name)
    if found is None:
        return "missing"
    version = Version(found)
    for bound in requirement.specifier:
        if not bound.contains(version, prereleases=True):
            if bound.operator == "!=":
                return f"{found} is excluded"
            lower = bound.operator in (">=", ">", "~=", "==", "===")
            return "too old" if lower and version < _bound_version(bound.version) else "too new"
    return ""


def _applicable(lines: Iterable[str], extra: str = "") -> list[Requirement]:
    """Return the requirements that hold on this platform with this extra."""
    requirements = [Requirement(line) for line in lines]
    return [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": extra})]


def _bound_version(text: str) -> Version:
    return Version(text.removesuffix(".*"))


def _bounds(requirement: Requirement) -> str:
    """Return the bounds with the lower one first, as people write them."""
    return ",".join(sorted(map(str, requirement.specifier), reverse=True))


def installed(name: str) -> str | None:
    """Return the version of an installed package, None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
