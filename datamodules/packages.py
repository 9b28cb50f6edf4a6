"""Packages that only some features need."""

from __future__ import annotations

from importlib.util import find_spec


def is_installed(package: str) -> bool:
    """Say whether a top-level package could be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except ValueError:  # a module without a specification, as a stub has
        return False
