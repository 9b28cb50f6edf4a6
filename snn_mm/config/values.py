"""What libraries and code of one's own have against a value, in a few lines that name the key.

A value that this project checks is refused where it is used. Whatever else torch, Lightning or a
class of one's own refuses comes as an exception: what it says is kept, and the key is found by the
objects in its traceback, whose classes the config names.
"""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from snn_mm.config.class_names import OWN_PACKAGES
from snn_mm.config.tree import Entry

REFUSALS = (ValueError, TypeError, RuntimeError, ArithmeticError, AssertionError)
BUILDING = re.compile(r"__init__|__post_init__|configure_optimizers|\w+_dataloader|<\w+>")
"""Functions of a class that a config names in which its values are used for the first time."""
SHOW_STACK = "SNN_MM_TRACEBACK"
"""Environment variable that asks for the whole stack."""
LIBRARIES = ("jsonargparse", "lightning", "torch")


def refused_value(error: BaseException, entries: list[Entry]) -> str | None:
    """What a library or a class of one's own has against a value; None if the error is a bug.

    Args:
        error: the innermost of a chain of errors.
        entries: every key that was set.
    """
    frames = list(frames_of(error))
    if not isinstance(error, REFUSALS) or not is_refusal(frames):
        return None
    what = str(error).strip() if isinstance(error, ValueError | RuntimeError) else ""
    what = (what or f"{type(error).__name__}: {error}").splitlines()[0]
    entry = blamed_entry(frames, what, entries)
    if entry is None:
        file = Path(frames[-1].f_code.co_filename).name
        return f"{what}\nsaid by {file}:{frames[-1].f_lineno}, of a value in config or flags"
    return f"{entry.key}: {what}\nin {entry.origin}"


def own_failure(error: BaseException) -> str | None:
    """Where an error began in code that is neither this project's nor a library's; None elsewhere.

    A library that fails was called by somebody: the innermost frame outside of libraries tells.
    """
    steps = [step for step in traceback.walk_tb(error.__traceback__) if not is_installed(step[0])]
    if not steps or str(steps[-1][0].f_globals.get("__name__", "")).startswith(OWN_PACKAGES):
        return None
    frame, number = steps[-1]
    file, function = frame.f_code.co_filename, frame.f_code.co_name
    what = (str(error).strip().splitlines() or [""])[0]
    return (
        f"{file}:{number}, in {function}: {type(error).__name__}: {what}\n"
        f"    {linecache.getline(file, number).strip()}\n{SHOW_STACK}=1 shows the whole stack"
    )


def frames_of(error: BaseException) -> Iterator[FrameType]:
    """Frames of a traceback, outermost first."""
    yield from (frame for frame, _ in traceback.walk_tb(error.__traceback__))


def is_refusal(frames: list[FrameType]) -> bool:
    """Whether something was built or checked, and it was not this project that failed.

    From where a library takes over, our code and that of others may only build: an error in a step
    or a hook is a bug of who wrote it, which `own_failure` shows if it was not us.
    """
    names = [str(frame.f_globals.get("__name__", "")) for frame in frames]
    begin = next((index for index, name in enumerate(names) if is_library(name)), None)
    if begin is None or names[-1].startswith(OWN_PACKAGES):
        return False
    ours = (frame.f_code.co_name for frame in frames[begin:] if not is_installed(frame))
    first = next(ours, None)
    return first is None or BUILDING.fullmatch(first) is not None


def is_library(module: str) -> bool:
    """Whether a module belongs to those that build or train."""
    return module.partition(".")[0] in LIBRARIES


def is_installed(frame: FrameType) -> bool:
    """Whether code is of an installed package or of Python, and not of this project or a user."""
    name = str(frame.f_globals.get("__name__", ""))
    file = frame.f_code.co_filename
    return not name.startswith(OWN_PACKAGES) and ("/lib/python" in file or "<" in file)


def blamed_entry(frames: list[FrameType], message: str, entries: list[Entry]) -> Entry | None:
    """The key whose value was refused: by its name in the message, or by the object that failed.

    Args:
        frames: of the traceback, outermost first.
        message: what was said.
        entries: every key that was set.
    """
    for frame in reversed(frames):
        owner = frame.f_locals.get("self")
        if owner is None or not (places := class_entries(type(owner).__name__, entries)):
            continue
        place = max(places, key=lambda entry: len(arguments_at(entry, frame, entries)))
        return named(arguments_at(place, frame, entries), message) or place
    return named([entry for entry in entries if "_" in entry.path[-1]], message, by_value=False)


def class_entries(name: str, entries: list[Entry]) -> list[Entry]:
    """Keys that hold a class; of several files the last that says so."""
    found = [entry for entry in entries if str(entry.value).rpartition(".")[2] == name]
    return list({entry.path: entry for entry in found}.values())


def arguments_at(place: Entry, frame: FrameType, entries: list[Entry]) -> list[Entry]:
    """Keys below a class whose values a frame has, or that it does not know."""
    below = [entry for entry in entries if entry.path[:-1] == place.path]
    known = frame.f_locals
    return [e for e in below if str(known.get(e.path[-1], e.value)) in (e.value, f"{e.value}.0")]


def named(entries: list[Entry], message: str, by_value: bool = True) -> Entry | None:
    """The last key whose name a message has; else the only one with its first known value."""
    words = re.findall(r"[a-z_]\w+", message)
    if found := [entry for entry in entries if entry.path[-1] in words]:
        return found[-1]
    numbers = re.findall(r"-?[\w.]*\w", message) if by_value else []
    for number in numbers:
        if found := [entry for entry in entries if entry.value == number]:
            return found[-1] if len({entry.path for entry in found}) == 1 else None
    return None


def missing_path(error: OSError, entries: list[Entry]) -> str:
    """A file or directory that can't be read or written, and the key that leads there."""
    path = str(error.filename)
    roots = [e for e in entries if e.value and len(e.path) > 1 and path.startswith(e.value)]
    place = f"\n{roots[-1].key} in {roots[-1].origin}" if roots else ""
    return f"{path}: {error.strerror}{place}"
