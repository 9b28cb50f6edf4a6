"""Packages that only one of the networks needs."""

from __future__ import annotations

from importlib.util import find_spec

from snn_mm.errors import UserError


def require_package(package: str, network: str) -> None:
    """Refuse to go on without a package.

    Raises:
        UserError: it is not installed; says how to install it.
    """
    try:
        found = find_spec(package) is not None
    except ValueError:  # a module without a specification, as a stub has
        found = False
    if not found:
        raise UserError(f"{network} needs {package}: run `pip install {package}`.")
