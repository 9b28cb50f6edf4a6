"""What finders of clips have in common: folders, pairs of files, and what is said of the rest."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from snn_mm.errors import UserError

POINTER = b"version https://git-lfs.github.com/spec/"
"""First bytes of the text file that stands for a recording until `git lfs pull`."""

POINTER_BYTES = 200
"""Git-LFS pointers are about 130 bytes; no recording is as small."""


def require_folders(source: Path, names: Sequence[str], layout: str) -> None:
    """Refuse a source that lacks one of the folders `names`, pointing at one that has them.

    Raises:
        UserError: names the source, what is accepted, and where that seems to lie.
    """
    if _holds(source, names):
        return
    children = sorted(source.iterdir()) if source.is_dir() else []
    near = [folder for folder in (*children, source.parent) if _holds(folder, names)]
    hint = f"\nIt seems to be {near[0]}: give that one as --source." if near else ""
    raise UserError(f"{source} does not hold {' and '.join(names)}: accepted is {layout}.{hint}")


def _holds(folder: Path, names: Sequence[str]) -> bool:
    return all((folder / name).is_dir() for name in names)


def pair(pictures: Mapping[str, Path], sounds: Mapping[str, Path], layout: str) -> list[str]:
    """Return the ids that have both halves, sorted; says how many lack one.

    Raises:
        UserError: no clip has both.
    """
    both = sorted(pictures.keys() & sounds.keys())
    if not both:
        raise UserError(
            f"No clip has a picture and a sound: {len(pictures)} pictures and {len(sounds)} "
            f"sounds found, accepted is {layout}."
        )
    notice("clips have a picture but no sound", pictures.keys() - sounds.keys())
    notice("clips have a sound but no picture", sounds.keys() - pictures.keys())
    return both


def notice(what: str, names: Collection[str]) -> None:
    """Warn how many names something is true of, with the first of them as examples."""
    if names:
        examples = ", ".join(sorted(names)[:3])
        warnings.warn(
            f"{len(names)} {what}; they are left out ({examples}{', ...' * (len(names) > 3)}).",
            stacklevel=3,
        )


def refuse_pointers(paths: Iterable[Path], source: Path) -> None:
    """Refuse recordings that Git has not fetched yet.

    Raises:
        UserError: says how many, and the command to type.
    """
    small = [path for path in paths if path.stat().st_size < POINTER_BYTES]
    pointers = [path for path in small if path.read_bytes().startswith(POINTER)]
    if pointers:
        raise UserError(
            f"{len(pointers)} recordings in {source} are Git-LFS pointers, not recordings, such as "
            f"{pointers[0].name}.\nFetch them: git -C {source} lfs pull"
        )
