"""Where classes of one's own are found: beside the experiment that names them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from snn_mm.run.directory import RunDirectory, read_json

FACT = "class_folders"
"""Where `environment.json` keeps the folders, since the config of a run lies elsewhere."""


def add_class_folders(configs: Iterable[Path]) -> None:
    """Let configs name classes of modules that lie beside them, such as `layers.OneLayer`.

    What is installed comes first, so that a module of the same name shadows nothing.
    """
    sys.path += [folder for folder in folders_of(configs) if folder not in sys.path]


def used_class_folders(configs: Iterable[Path]) -> list[str]:
    """The folders beside configs from which something was imported."""
    # A package tells of the thousands of modules in it; one without an `__init__` has only a path.
    loaded = [module for name, module in list(sys.modules.items()) if "." not in name]
    files = [getattr(module, "__file__", None) for module in loaded]
    folders = [place for module in loaded for place in getattr(module, "__path__", ())]
    places = {place for place in (*files, *folders) if place}
    used = {str(parent) for place in places for parent in Path(place).resolve().parents}
    return [folder for folder in folders_of(configs) if folder in used]


def folders_of(configs: Iterable[Path]) -> list[str]:
    """The folders of config files; of a run's, those that the run was started with."""
    found: dict[str, None] = {}
    for config in configs:
        run = RunDirectory(config.parent)
        is_run = config.name == run.config.name and run.environment.is_file()
        known = read_json(run.environment).get(FACT, []) if is_run else [config.parent]
        found |= dict.fromkeys(str(Path(folder).resolve()) for folder in known)
    return list(found)
