"""Writes `manifest.json`: what a config can build, and with which parameters, as the classes say.

To import the classes takes torch, and so ten seconds; `list` and the check of keys read the file.
`make manifest`, or `python -m snn_mm.config.manifest`, after a class or its docstring has changed.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from types import UnionType
from typing import Any

import docstring_parser
from jsonargparse._parameter_resolvers import ParamData, get_signature_parameters
from jsonargparse._util import get_import_path
from lightning import Callback, LightningDataModule, LightningModule, Trainer
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

import datamodules
import snn_mm
from snn_mm.callbacks.modulation.base import Modulation
from snn_mm.config.catalogue import FOREIGN, MANIFEST
from snn_mm.config.class_names import is_choice, is_own, subclasses
from snn_mm.config.options import STAGES, RunOptions
from snn_mm.encoders import Encoder
from snn_mm.fusion import Fusion
from snn_mm.modules.continual.dual_attention import DualAttention
from snn_mm.modules.continual.methods import Method
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.neurons import LIF

BASES: dict[str, type] = {
    "modules": LightningModule,
    "encoders": Encoder,
    "neurons": LIF,
    "fusions": Fusion,
    "networks": SentimentNetwork,
    "methods": Method,
    "trunks": DualAttention,
    "modulations": Modulation,
    "callbacks": Callback,
    "datamodules": LightningDataModule,
}
"""The base class whose concrete kin, itself included, make up a group; the first that fits wins."""

NOT_BUILT = ("analysis", "cli", "commands", "config", "sweep", "__main__")
"""Rooms of `snn_mm` whose classes no config names."""

OF_A_RUN = "snn_mm.run."
"""Where the classes live whose objects only a running command has, such as its run directory."""

GIVEN = ("params", "optimizer")
"""What a module gives the optimizers and schedules of torch itself."""

LONGEST = 72
"""Characters up to which a default is shown by its value."""

NO_VALUE = inspect.Parameter.empty
JSON = dict[str, Any]


def write() -> None:
    """Write the manifest of the installed classes."""
    text = json.dumps(manifest(), indent=1, ensure_ascii=False) + "\n"
    MANIFEST.write_text(text, encoding="utf-8")


def manifest() -> JSON:
    """Everything that `list` and the check of keys are told."""
    return {
        "versions": {package: version(package) for package in FOREIGN},
        "classes": [describe(group, kind) for group, kind in components()],
        "others": {
            path: {p.name: default_text(p.default) for p in parameters(kind, method)}
            for path, kind, method in others()
        },
    }


def components() -> Iterator[tuple[str, type]]:
    """Every class of the project that a config can build, by group and name."""
    for package in (snn_mm, datamodules):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if room(module.name) not in NOT_BUILT:
                import_module(module.name)
    taken: set[type] = set()
    for group, base in BASES.items():
        kin = {base, *subclasses([base])} - taken
        taken |= kin
        built = filter(is_built, kin)
        yield from ((group, kind) for kind in sorted(built, key=lambda kind: kind.__name__))


def is_built(kind: type) -> bool:
    """Whether a config can build a class of the project: it lacks nothing, and needs no run."""
    if not is_own(kind) or room(kind.__module__) in NOT_BUILT or not is_choice(kind):
        return False
    required = (p.annotation for p in parameters(kind) if p.default is NO_VALUE)
    return not any(getattr(hint, "__module__", "").startswith(OF_A_RUN) for hint in required)


def room(module: str) -> str:
    """The folder or file of a package that a module belongs to."""
    return f"{module}.".split(".")[1]


def others() -> Iterator[tuple[str, type, str | None]]:
    """What a config names beside, by path, class and method: sections, and other packages'."""
    yield "snn_mm.config.options.RunOptions", RunOptions, None
    trainer = "lightning.pytorch.trainer.trainer.Trainer"
    yield trainer, Trainer, None
    yield from ((f"{trainer}.{stage}", Trainer, stage) for stage in STAGES)
    for module in (name for names in FOREIGN.values() for name in names):
        for name, kind in sorted(vars(import_module(module)).items()):
            bases = (Optimizer, LRScheduler, Callback)
            if inspect.isclass(kind) and issubclass(kind, bases) and not name.startswith("_"):
                yield f"{module}.{name}", kind, None


def parameters(kind: Callable[..., Any], method: str | None = None) -> list[ParamData]:
    """What the parser accepts for a class, that which its `**kwargs` hand on included."""
    given = GIVEN if kind.__module__.startswith("torch.optim.") else ()
    return [p for p in get_signature_parameters(kind, method, logger=False) if p.name not in given]


def describe(group: str, kind: type) -> JSON:
    """What is told of a class that is listed."""
    said = docstring_parser.parse(kind.__doc__ or "")
    return {
        "group": group,
        "name": kind.__name__,
        "location": get_import_path(kind),
        "home": f"{kind.__module__}.{kind.__name__}",
        "text": (said.description or "").strip(),
        "parameters": described(kind),
    }


def described(kind: Callable[..., Any]) -> list[JSON]:
    """Each parameter of a class with type, default and what the docstrings say of it."""
    texts: dict[str, str] = {}
    for parent in reversed(inspect.getmro(kind) if inspect.isclass(kind) else [kind]):
        for owner in (parent, vars(parent).get("__init__")):
            said = docstring_parser.parse(getattr(owner, "__doc__", None) or "")
            texts |= {p.arg_name: " ".join((p.description or "").split()) for p in said.params}
    return [
        {
            "name": p.name,
            "type": type_text(p.annotation),
            "default": default_text(p.default),
            "description": texts.get(p.name, ""),
            **({"fields": below} if (below := fields(p.annotation)) else {}),
            **({"is_class_dict": True} if is_class_dict(p.annotation) else {}),
        }
        for p in parameters(kind)
    ]


def alternatives(hint: Any) -> list[Any]:
    """The parts of `A | B`."""
    is_union = typing.get_origin(hint) in (typing.Union, UnionType)
    return list(typing.get_args(hint)) if is_union else [hint]


def fields(hint: Any) -> list[JSON]:
    """What stands below a parameter that is a dataclass or a TypedDict; nothing for any other."""
    for part in alternatives(hint):
        if inspect.isclass(part) and (dataclasses.is_dataclass(part) or typing.is_typeddict(part)):
            return described(part)
    return []


def is_class_dict(hint: Any) -> bool:
    """Whether a parameter is a dictionary of classes, none of which goes without its name."""
    parts = [part for part in alternatives(hint) if part is not type(None)]
    held = typing.get_args(parts[0])[-1:]
    is_dict = len(parts) == 1 and typing.get_origin(parts[0]) in (dict, Mapping)
    return is_dict and inspect.isclass(held[0]) and is_own(held[0]) and not is_choice(held[0])


def type_text(hint: Any) -> str:
    """A type as one writes it, without modules."""
    parts = alternatives(hint)
    if len(parts) > 1:
        return " | ".join(map(type_text, parts))
    text = hint.__name__ if inspect.isclass(hint) and not typing.get_args(hint) else str(hint)
    return re.sub(r"\b(?:\w+\.)+(?=[A-Za-z_])", "", text).replace("NoneType", "None")


def default_text(value: Any) -> str | None:
    """A default as one writes it; of one with many arguments its class; None if there is none."""
    if value is NO_VALUE:
        return None
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__name__
    is_long = isinstance(value, nn.Module) or len(repr(value)) > LONGEST
    return f"{type(value).__name__}()" if is_long else repr(value)


if __name__ == "__main__":
    write()
