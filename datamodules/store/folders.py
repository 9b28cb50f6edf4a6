"""What finders of clips have in common: folders, pairs of files, and what is said of the rest."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from snn_mm.errors import UserError

FILMS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".mpg", ".mpeg", ".ts", ".wmv"}
)
SOUNDS = frozenset({".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".aiff"})
IMAGES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

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


def find_files(folder: Path, suffixes: Collection[str], depth: int | None = 1) -> list[Path]:
    """Return the files with one of the suffixes in any case, sorted; links are followed.

    Hidden files and folders are passed over: macOS writes a `._name` beside every file that it
    copies to a foreign disk, which is no recording whatever its suffix.

    Args:
        folder: where to look.
        suffixes: in small letters.
        depth: how many folders deep, itself included, the files lie; None takes any.
    """
    found = (path for path in _walk(folder, depth) if path.suffix.lower() in suffixes)
    return sorted(found)


def _walk(folder: Path, depth: int | None) -> Iterator[Path]:
    """Yield visible files at a depth, each folder once even if links lead to it again."""
    seen = set[str]()
    for root, folders, files in os.walk(folder, followlinks=True):
        here = len(Path(root).relative_to(folder).parts) + 1
        is_known = (real := os.path.realpath(root)) in seen
        seen.add(real)
        ends = is_known or here == depth
        folders[:] = [] if ends else sorted(name for name in folders if name[0] != ".")
        if not is_known and depth in (None, here):
            yield from (Path(root, name) for name in files if name[0] != ".")


def by_name(
    paths: Iterable[Path], name: Callable[[Path], str] = lambda path: path.stem
) -> dict[str, Path]:
    """Return files by name, without suffix unless said otherwise; says where there are several.

    Args:
        paths: of several files with one name, the first of them counts.
        name: of a file.
    """
    named: dict[str, list[Path]] = {}
    for path in paths:
        named.setdefault(name(path), []).append(path)
    repeated = [f"{files[0].name} of {len(files)}" for files in named.values() if len(files) > 1]
    notice("clips have several files", repeated, "only the first of each counts")
    return {key: files[0] for key, files in named.items()}


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


def notice(what: str, names: Collection[str], then: str = "they are left out") -> None:
    """Warn how many names something is true of and what becomes of them, with examples."""
    if names:
        examples = ", ".join(sorted(names)[:3])
        warnings.warn(
            f"{len(names)} {what}; {then} ({examples}{', ...' * (len(names) > 3)}).",
            stacklevel=3,
        )


def refuse_pointers(paths: Iterable[Path], source: Path) -> None:
    """Refuse recordings that Git has not fetched yet.

    Raises:
        UserError: says how many, and the command to type.
    """
    there = (path for path in paths if path.is_file())  # a broken link is an unreadable clip
    small = [path for path in there if path.stat().st_size < POINTER_BYTES]
    pointers = [path for path in small if path.read_bytes().startswith(POINTER)]
    if pointers:
        raise UserError(
            f"{len(pointers)} recordings in {source} are Git-LFS pointers, not recordings, such as "
            f"{pointers[0].name}.\nFetch them: git -C {source} lfs pull"
        )
