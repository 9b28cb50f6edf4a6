"""Packages that only one of the networks needs."""

from __future__ import annotations

from datamodules.packages import is_installed
from snn_mm.errors import UserError


def require_package(package: str, network: str) -> None:
    """Refuse to go on without a package.

    Raises:
        UserError: it is not installed; says how to install it.
    """
    if not is_installed(package):
        raise UserError(f"{network} needs {package}: run `pip install {package}`.")
