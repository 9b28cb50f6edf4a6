"""Finds the classes that config files call by name, and what they accept."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from jsonargparse._parameter_resolvers import get_signature_parameters
from lightning import Callback, LightningDataModule, LightningModule
from lightning.pytorch.loggers.logger import Logger
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

import datamodules
from snn_mm.config.catalogue import accepted_by, homes
from snn_mm.config.tree import Entry
from snn_mm.modules.continual.methods import Method

ROOMS = ("callbacks", "encoders", "fusion", "modules", "neurons")
"""Where in `snn_mm` the classes stand that configs name."""
CLASS_NAME = re.compile(r"(\.?)\b([A-Z]\w+)")
"""A class behind the dot of its import path, or by its short name."""
OWN_PACKAGES = ("snn_mm.", "datamodules.", "feature_makers.")
ROOTS: dict[tuple[str, ...], type] = {
    ("model",): LightningModule,
    ("data",): LightningDataModule,
    ("trainer", "callbacks"): Callback,
    ("trainer", "logger"): Logger,
}
"""What kind of class a key of the config holds."""
BASES: tuple[type, ...] = (*ROOTS.values(), nn.Module, Method, Optimizer, LRScheduler)


def import_choices() -> None:
    """Import the classes that configs may call by their short names."""
    for room in ROOMS:
        import_module(f"snn_mm.{room}")
    datamodules.import_all()


def import_named(entries: Iterable[Entry]) -> None:
    """Import the classes that a config names; all there are if a short name is unknown, or none is.

    Data modules bring what reads their files, and a run has one of them.

    Args:
        entries: the keys of the config.
    """
    for room in ROOMS:
        import_module(f"snn_mm.{room}")
    known = homes()
    found = {match for entry in entries for match in CLASS_NAME.findall(entry.value or "")}
    short = {name for dot, name in found if not dot}
    if not found or any(name not in known and accepted_by(name) is None for name in short):
        datamodules.import_all()
    for name in {name for _, name in found} & known.keys():
        import_module(known[name])


def subclasses(bases: Iterable[type]) -> Iterator[type]:
    """Every class below the bases that has been imported."""
    for base in bases:
        below: list[type] = type.__subclasses__(base)
        yield from below
        yield from subclasses(below)


def class_choices(bases: Iterable[type]) -> list[str]:
    """Short names of the public, concrete classes below the bases, this project's first.

    A base is one itself if it is of this project: those of others, such as `Module`, do nothing.
    """
    bases = list(bases)
    kinds = [*(base for base in bases if is_own(base)), *subclasses(bases)]
    found = {kind for kind in kinds if is_choice(kind)}
    ordered = sorted(found, key=lambda kind: (not is_own(kind), kind.__name__))
    return list(dict.fromkeys(kind.__name__ for kind in ordered))


def is_choice(kind: type) -> bool:
    """Whether a config may name a class."""
    hidden = kind.__name__.startswith("_") or inspect.isabstract(kind)
    return not hidden and not leaves_open(kind)


def leaves_open(kind: type) -> bool:
    """Whether a class of this project declares a `ClassVar` whose value a subclass has to give."""
    return any(
        "ClassVar" in str(hint) and not hasattr(kind, name)
        for parent in inspect.getmro(kind)
        if is_own(parent)
        for name, hint in vars(parent).get("__annotations__", {}).items()
    )


def is_own(kind: type) -> bool:
    """Whether a class belongs to this project."""
    return kind.__module__.startswith(OWN_PACKAGES)


def find_class(name: str) -> Any:
    """What an import path or a short name stands for among all that is imported, else None."""
    module, _, attribute = name.rpartition(".")
    if not module:
        kinds = (kind for kind in subclasses(BASES) if kind.__name__ == name)
        return next(iter(sorted(kinds, key=lambda kind: not is_own(kind))), None)
    return getattr(sys.modules.get(module), attribute, None)


def import_failure(name: str) -> str | None:
    """Why the module of a class path can't be imported though it is there; None if it can."""
    try:
        import_module(name.rpartition(".")[0])
    except (ModuleNotFoundError, ValueError):
        return None
    except SyntaxError as error:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    except Exception as error:  # a module of one's own may fail in any way
        return f"{type(error).__name__}: {error}"
    return None


def parameter_bases(kind: Any, parameter: str) -> list[type]:
    """The classes that the annotation of a parameter mentions; of a factory, what it makes."""
    hints = {p.name: p.annotation for p in get_signature_parameters(kind, logger=False)}
    return list(classes_in(hints.get(parameter)))


def classes_in(hint: Any) -> Iterator[type]:
    """Classes with subclasses of interest that a type hint is built from."""
    if inspect.isclass(hint) and not typing.get_args(hint):
        if issubclass(hint, BASES):
            yield hint
        return
    for argument in typing.get_args(hint):
        for part in argument if isinstance(argument, list) else [argument]:
            yield from classes_in(part)
