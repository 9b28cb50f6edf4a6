"""Whose classes a config may name. Nothing here imports torch, or what a config names."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from snn_mm.errors import UserError

if TYPE_CHECKING:
    from snn_mm.config.tree import Entry

FLAG = "--trust"
VARIABLE = "SNN_MM_TRUST"
"""Holds names with commas; what `--trust` names goes there, for child processes."""
TABLE = Path("pyproject.toml")
"""Of the working directory: its `[tool.snn_mm] trust` lists names."""

ALL_OTHERS = "*"
DTYPES = ("dtype", "float16", "bfloat16", "float32", "float64")
HARMLESS = ("abs", "bool", "float", "int", "len", "max", "min", "round", "sum")
"""Functions of Python itself, such as for the `batch_size_fn` of Lightning's ThroughputMonitor."""
VERDICTS: dict[str, bool] = {
    ALL_OTHERS: False,
    "__main__": True,  # the program that was started
    **{f"builtins.{name}": True for name in HARMLESS},
    "snn_mm": True,
    **{
        f"snn_mm.{room}": False
        for room in ("analysis", "cli", "commands", "config", "run", "sweep")
    },
    "datamodules": True,
    "feature_makers": True,
    # Not all of torch and Lightning: both have classes that start programs or read pickles.
    "torch.nn": True,
    "torch.optim": True,
    "torch.device": True,
    "torch.distributed.algorithms.ddp_comm_hooks": True,
    "torch.distributed.fsdp": True,
    **{f"torch.{name}": True for name in DTYPES},
    "lightning": True,
    "lightning.fabric.cli": False,
    "lightning.fabric.strategies.launchers": False,
    "lightning.pytorch.cli": False,
    "lightning.pytorch.strategies.launchers": False,
    "torchmetrics": True,
    "torchvision": True,
    "spikingjelly": True,
}
"""Whether a config may name an import path, by its beginning; the longest that fits decides."""


def verdicts() -> dict[str, bool]:
    """Those of this project, and of whom the user trusts."""
    return {**VERDICTS, **dict.fromkeys([*of_user(), *of_folder()], True)}


def is_allowed(path: str) -> bool:
    """Whether a config may name an import path."""
    known, words = verdicts(), path.split(".")
    parts = (".".join(words[:length]) for length in range(len(words), 0, -1))
    return next((known[part] for part in parts if part in known), False)


def of_user() -> list[str]:
    """Names that the user trusts in this command or this shell."""
    return checked(os.environ.get(VARIABLE, "").split(","), VARIABLE)


def of_folder() -> list[str]:
    """Names that `pyproject.toml` of the working directory trusts.

    Raises:
        UserError: its table can't be understood.
    """
    text = TABLE.read_text(errors="replace") if TABLE.is_file() else ""
    return in_table(text) if "[tool.snn_mm]" in text else []


@cache
def in_table(text: str) -> list[str]:
    """Names that a `pyproject.toml` trusts.

    Raises:
        UserError: its table can't be understood.
    """
    import tomllib

    try:
        names = tomllib.loads(text).get("tool", {}).get("snn_mm", {}).get("trust", [])
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{TABLE}: no valid TOML: {error}") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{TABLE}: [tool.snn_mm] trust is no list of names, such as ['my_package']")
    return checked(names, f"{TABLE}: [tool.snn_mm] trust")


def checked(names: Iterable[str], place: str) -> list[str]:
    """Names of packages or modules, empty ones left out.

    Raises:
        UserError: one is no name, or is of Python itself.
    """
    found = [name.strip() for name in names if name.strip()]
    for name in found:
        if not all(word.isidentifier() for word in name.split(".")):
            raise UserError(f"{place}: {name!r} is no name of a package or module")
        if is_of_python(name):
            raise UserError(f"{place}: {name} is of Python itself, which can't be trusted")
    return found


def is_of_python(path: str) -> bool:
    """Whether an import path begins in the standard library."""
    return path.partition(".")[0] in sys.stdlib_module_names


def split_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments of a command without `--trust`, and the names that it trusts.

    Raises:
        UserError: a name is missing or is none.
    """
    rest: list[str] = []
    names: list[str] = []
    words = iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag != FLAG:
            rest.append(word)
            continue
        value = value if equals else next(words, "")
        found = checked(value.split(","), FLAG)
        if not found:
            raise UserError(f"{FLAG}: a package or module is missing: {FLAG} my_package")
        names += found
    return rest, names


def as_flags() -> list[str]:
    """What the user trusts, as flags for others to type."""
    return [f"{FLAG}={name}" for name in dict.fromkeys(of_user())]


@contextmanager
def trusting(names: Sequence[str]) -> Iterator[None]:
    """Trust names within the block, in this process and in those that it starts."""
    before = os.environ.get(VARIABLE)
    if names:
        os.environ[VARIABLE] = ",".join([*filter(None, [before]), *names])
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        os.environ |= {} if before is None else {VARIABLE: before}


def check_entries(entries: Iterable[Entry]) -> None:
    """Refuse what a config says is a class and is none that it may name.

    Raises:
        UserError: names key, class path, place, and how to trust it.
    """
    for entry in entries:
        if entry.is_class and is_refused(entry.value or ""):
            raise UserError(refusal(entry.value or "", [entry]))


def is_refused(value: str) -> bool:
    """Whether a value, if it were imported, would be refused; short names are looked up."""
    is_path = "." in value and all(word.isidentifier() for word in value.split("."))
    return is_path and not is_allowed(value)


def refusal(path: str, entries: Iterable[Entry]) -> str:
    """Why an import path is refused: key, path, and what would allow it, then the place."""
    entry = next((entry for entry in entries if entry.value == path), None)
    begin = f"{entry.key}: {path}" if entry else path
    place = f"\nin {entry.origin}" if entry else ""
    package = path.partition(".")[0]
    if is_of_python(path):
        reason = "is not run: it is of Python itself, and a config names parts of a training"
    elif VERDICTS.get(package):
        reason = "is not run: it is no layer, data, callback or other part of a training"
    elif known := [part for part in VERDICTS if part.startswith(f"{package}.")]:
        reason = f"is not run; of {package} a config may name {', '.join(known[:2])} and the like"
    else:
        reason = f"is not run, since a config may be anybody's; if you trust it: {FLAG} {package}"
    return f"{begin} {reason}{place}"
