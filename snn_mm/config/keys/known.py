"""What classes accept, read from the source of those that are asked for.

Only what is certain is told: for a class that can't be followed to its last parameter, such as one
of the user's own, the answer is None.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from snn_mm.config.catalogue import source_files
from snn_mm.config.source import SourceIndex
from snn_mm.config.source_file import SourceClass, SourceFile, read_source
from snn_mm.errors import UserError

READ = ("snn_mm", "datamodules", "lightning", "torch")
"""Packages whose source is read."""

FOREIGN = ["lightning.pytorch.callbacks", "torch.optim", "torch.optim.lr_scheduler"]
"""Where the classes of other packages stand that configs call by short names."""

GIVEN = ("params", "optimizer")
"""What a module gives the optimizers and schedules of torch itself."""

NO_PARAMETERS = {"ABC", "Generic", "Protocol", "object", "TypedDict"}
CLASS = re.compile(r"^class (\w+)", re.MULTILINE)


class Typed(NamedTuple):
    """The annotation of a parameter, and the module whose names it is written with."""

    module: str
    annotation: ast.expr | None


Parameters = dict[str, Typed]


@cache
def known() -> Known:
    """What this installation knows; its source is read once."""
    return Known()


class Known:
    """Classes by their names in configs, and what they accept."""

    def __init__(self) -> None:
        self.index = SourceIndex(read=read_module)

    @cached_property
    def _homes(self) -> dict[str, list[str]]:
        """Modules of this project by the short names of their classes."""
        homes: dict[str, list[str]] = {}
        for module, file in source_files():
            for name in CLASS.findall(file.read_text(encoding="utf-8")):
                homes.setdefault(name, []).append(module)
        return homes

    def find(self, name: str) -> SourceClass | None:
        """The class that a config means by a name; None if it is not certain."""
        module, _, last = name.rpartition(".")
        if module:
            return self.index.resolve(module, last)
        homes = self._homes.get(name, FOREIGN)
        found = (self.index.resolve(home, name) for home in homes)
        kinds = [cls for cls in found if cls is not None]
        return kinds[0] if len(kinds) == 1 else None

    def parameters(self, cls: SourceClass) -> Parameters | None:
        """What a constructor accepts, parents included while `**kwargs` passes on; None if open."""
        init = cls.methods.get("__init__")
        if "__new__" in cls.methods or (cls.node.decorator_list and not is_dataclass(cls)):
            return None
        if init is None:
            own = fields(cls) if is_record(cls) else {}
            return self._with_bases(cls, own)
        arguments = [*init.args.posonlyargs, *init.args.args, *init.args.kwonlyargs][1:]
        given = GIVEN if cls.module.startswith("torch.optim.") else ()
        own = {a.arg: Typed(cls.module, a.annotation) for a in arguments if a.arg not in given}
        if init.args.kwarg is None:
            return own
        given_on = only_for_parent(init, init.args.kwarg.arg)
        return self._with_bases(cls, own) if given_on else None

    def _with_bases(self, cls: SourceClass, own: Parameters) -> Parameters | None:
        found = own
        for name in cls.dotted_bases:
            if name.rpartition(".")[2] in NO_PARAMETERS:
                continue
            base = self.index.resolve(cls.module, name)
            inherited = self.parameters(base) if base is not None else None
            if inherited is None:
                return None
            found = {**inherited, **found}
        return found

    def fields(self, typed: Typed) -> Parameters | None:
        """Keys of a parameter that holds a dataclass or a TypedDict; None for any other."""
        kinds = list(self._classes(typed))
        return self.parameters(kinds[0]) if len(kinds) == 1 and is_record(kinds[0]) else None

    def _classes(self, typed: Typed) -> Iterator[SourceClass]:
        """The classes that an annotation such as `Options | None` is made of."""
        for node in alternatives(typed.annotation):
            if isinstance(node, ast.Name | ast.Attribute):
                found = self.index.resolve(typed.module, ast.unparse(node))
                if found is not None:
                    yield found

    def abstract_values(self, typed: Typed) -> bool:
        """Whether a parameter is a dictionary of classes, none of which goes without its name."""
        kinds = [node for node in alternatives(typed.annotation) if ast.unparse(node) != "None"]
        node = kinds[0] if len(kinds) == 1 else None
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple):
            return False
        if ast.unparse(node.value) not in ("dict", "Mapping"):
            return False
        held = list(self._classes(Typed(typed.module, node.slice.elts[-1])))
        return len(held) == 1 and not is_record(held[0]) and not self.index.is_concrete(held[0])


@cache
def _folders(package: str) -> list[Path]:
    """Where a package lies; it is not imported."""
    spec = find_spec(package)
    return [Path(place) for place in (spec and spec.submodule_search_locations) or []]


def read_module(module: str) -> SourceFile | None:
    """Read the source of a module of `READ`; None if it has none or is of another package."""
    package, _, rest = module.partition(".")
    parts = rest.split(".") if rest else []
    for folder in _folders(package) if package in READ else ():
        inner = folder.joinpath(*parts)
        for file in (inner / "__init__.py", inner.with_name(f"{inner.name}.py")):
            if file.is_file():
                try:
                    return read_source(module, file)
                except (OSError, UserError):
                    return None
    return None


def is_dataclass(cls: SourceClass) -> bool:
    """Whether a class is marked as a dataclass."""
    return any(ast.unparse(mark).startswith("dataclass") for mark in cls.node.decorator_list)


def is_record(cls: SourceClass) -> bool:
    """Whether a class is a dataclass or a TypedDict of its own, whose fields are keys."""
    return is_dataclass(cls) or "TypedDict" in cls.bases


def fields(cls: SourceClass) -> Parameters:
    """The annotated names of a class body."""
    items = [item for item in cls.node.body if isinstance(item, ast.AnnAssign)]
    return {ast.unparse(item.target): Typed(cls.module, item.annotation) for item in items}


def alternatives(node: ast.expr | None) -> Iterator[ast.expr]:
    """The parts of `A | B`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from alternatives(node.left)
        yield from alternatives(node.right)
    elif node is not None:
        yield node


def only_for_parent(init: ast.FunctionDef, name: str) -> bool:
    """Whether a constructor hands its `**kwargs` to that of its parent and does nothing else."""
    uses = [node for node in ast.walk(init) if isinstance(node, ast.Name) and node.id == name]
    handed = [
        keyword
        for call in ast.walk(init)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
        for keyword in call.keywords
        if keyword.arg is None and isinstance(keyword.value, ast.Name) and keyword.value.id == name
    ]
    return len(uses) == len(handed)
