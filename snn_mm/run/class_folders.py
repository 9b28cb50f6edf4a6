"""Where classes of one's own are found: beside the experiment that names them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from snn_mm.run.directory import RunDirectory, read_json

FACT = "class_folders"
"""Where `environment.json` keeps the folders, since the config of a run lies elsewhere."""


def add_class_folders(
    configs: Iterable[Path], trusted: Collection[str], trusted_here: Collection[str] = ()
) -> None:
    """Let configs name classes of trusted modules that lie beside them, such as `layers.OneLayer`.

    What is installed comes first, so that a module of the same name shadows nothing.

    Args:
        configs: config files.
        trusted: modules and packages that are trusted wherever they lie.
        trusted_here: those that are trusted in the working directory and below it.
    """
    for folder in folders_of(configs):
        is_here = Path(folder).is_relative_to(Path.cwd().resolve())
        names = [*trusted, *(trusted_here if is_here else ())]
        if folder not in sys.path and any(holds(Path(folder), name) for name in names):
            sys.path.append(folder)


def holds(folder: Path, name: str) -> bool:
    """Whether a module or package of a name, or what it is in, lies in a folder."""
    top = folder / name.partition(".")[0]
    return top.is_dir() or top.with_suffix(".py").is_file()


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
        names = [str(name) for name in known] if isinstance(known, list) else []
        folders = [Path(name) for name in names if not is_run or Path(name).is_absolute()]
        found |= dict.fromkeys(str(folder.resolve()) for folder in folders)
    return list(found)
