"""Where a config writes, other than below the folders of runs and of data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from snn_mm.config.tree import WRAPPERS, KeyPath

WRITTEN = re.compile(
    r"(\w+_)?(dir|dirs|dirpath|location|directory|uri)|file(name|path|_path)?|name|version|prefix"
)
"""Options of loggers, callbacks, profilers and plugins that say where they write."""
OF_FOLDERS = re.compile(r".*(dir|dirs|dirpath|location|directory|uri)")
"""Those that are paths by themselves; the others are names in a folder."""
SECTIONS = ("trainer", "checkpoint")


def written_outside(settings: Namespace, run: Path, inside: Iterable[Path]) -> list[str]:
    """Keys with the paths that they write to and that lie elsewhere, as `key: path`.

    Args:
        settings: the whole config of a stage.
        run: the run directory, in which names of files are.
        inside: folders in which a run may write.
    """
    allowed = [folder.resolve() for folder in (run, *inside)]
    found = (entry for name in SECTIONS for entry in written(settings.get(name), (name,)))
    return [
        f"{'.'.join(path)}: {value}"
        for path, value in found
        if not any(place(path, value, run).is_relative_to(folder) for folder in allowed)
    ]


def data_roots(settings: Any) -> list[Path]:
    """Every `root` below the data of a config."""
    return [Path(value) for path, value in texts(settings.get("data"), ()) if path[-1] == "root"]


def written(settings: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Options that name what is written, with their values."""
    return (entry for entry in texts(settings, path) if WRITTEN.fullmatch(entry[0][-1]))


def texts(settings: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Every text in settings, with its key as one writes it."""
    if isinstance(settings, Namespace | Mapping):
        fields = vars(settings) if isinstance(settings, Namespace) else settings
        for key, value in fields.items():
            yield from texts(value, path if key in WRAPPERS else (*path, str(key)))
    elif isinstance(settings, list | tuple):
        for index, value in enumerate(settings):
            yield from texts(value, (*path, str(index)))
    elif isinstance(settings, str | Path) and path:
        yield path, str(settings)


def place(path: KeyPath, value: str, run: Path) -> Path:
    """Where a value leads: from here, or as a name from a folder of the run."""
    folder = Path.cwd() if OF_FOLDERS.fullmatch(path[-1]) else run / "folder"
    return (folder / value).resolve()
