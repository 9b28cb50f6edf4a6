"""The JSON beside an exported file: all that one needs to know to use it without snn_mm."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lightning import LightningModule

from snn_mm.export.formats import NEEDED
from snn_mm.export.graph import Port
from snn_mm.run.environment import installed_versions

READOUT = "inside the file: what comes out is one prediction a sample, after all T time steps"


def describe_network(module: LightningModule, data: Any) -> dict[str, Any]:
    """What a module is: its class, modalities, classes, and time steps by encoder."""
    encoders = dict(getattr(module, "encoders", {}))
    steps = {name: getattr(part, "time_steps", None) for name, part in encoders.items()}
    names = getattr(data, "class_names", None)
    return {
        "module": type(module).__name__,
        "modalities": list(getattr(module, "modalities", ())),
        "classes": None if names is None else list(names),
        "time_steps": {name: count for name, count in steps.items() if count is not None},
    }


def describe_ports(ports: list[Port]) -> list[dict[str, Any]]:
    """Inputs as plain values; `N` stands for any number of samples."""
    return [{"name": port.name, "shape": ["N", *port.shape], "dtype": port.dtype} for port in ports]


def describe_versions(form: str) -> dict[str, str]:
    """Versions of all that made a file."""
    versions = installed_versions()
    for package in NEEDED[form]:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
