"""Follows inheritance and constructor parameters through source files."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from snn_mm.config.docstrings import argument_texts
from snn_mm.config.signatures import Parameter, given_to_base, own_parameters, parameter_of
from snn_mm.config.source_file import SourceClass, SourceFile


def read_nothing(module: str) -> None:
    """A reader that knows no further module."""


class SourceIndex:
    """The classes of some files, with inheritance followed among them.

    Args:
        files: what is known from the start.
        read: gives the file of another module when a name leads there, None if it has none.
    """

    def __init__(
        self,
        files: Iterable[SourceFile] = (),
        read: Callable[[str], SourceFile | None] = read_nothing,
    ) -> None:
        files = list(files)
        self._read = read
        self.classes = [cls for file in files for cls in file.classes]
        self._values = _unambiguous(file.values for file in files)
        self._by_path = {cls.path: cls for cls in self.classes}
        self._imports = {file.module: file.imports for file in files}

    def lineage(self, cls: SourceClass) -> list[SourceClass]:
        """Return the class and every ancestor in these files, nearest first."""
        found = [cls]
        for base in self._bases(cls):
            found += [ancestor for ancestor in self.lineage(base) if ancestor not in found]
        return found

    def public_path(self, cls: SourceClass) -> str:
        """Return the class path as a config that is written names it: by the shortest package."""
        parts = cls.module.split(".")
        packages = (".".join(parts[: count + 1]) for count in range(len(parts)))
        return next(
            f"{package}.{cls.name}"
            for package in packages
            if self.resolve(package, cls.name) is cls
        )

    def ancestor_names(self, cls: SourceClass) -> set[str]:
        """Return the names of all ancestors, those outside these files included."""
        return {name for member in self.lineage(cls) for name in member.bases}

    def is_concrete(self, cls: SourceClass) -> bool:
        """Say whether a config can name the class: public, and nothing left open in it."""
        if cls.name.startswith("_") or {"ABC", "Protocol"} & set(cls.bases):
            return False
        missing: set[str] = set()
        for member in reversed(self.lineage(cls)):
            missing = (missing - member.assigned) | member.left_open
        return not missing

    def parameters(self, cls: SourceClass) -> tuple[Parameter, ...]:
        """Return the constructor's parameters, with those that `**kwargs` hands to a base class."""
        lineage = self.lineage(cls)
        owner = next((member for member in lineage if "__init__" in member.methods), None)
        if owner is None:
            return tuple(self._fields(lineage))
        init = owner.methods["__init__"]
        texts: dict[str, str] = {}
        for member in reversed(lineage):
            texts |= _documented(member)
        own = own_parameters(init, texts, self._values)
        return (*own, *self._passed_on(owner, init, {parameter.name for parameter in own}))

    def _fields(self, lineage: list[SourceClass]) -> Iterator[Parameter]:
        """Yield the options of a dataclass: its own fields first, then those of its parents."""
        texts: dict[str, str] = {}
        for member in reversed(lineage):
            texts |= _documented(member)
        seen = {"_"}
        for member in lineage:
            for item in member.options:
                name = ast.unparse(item.target)
                if name not in seen:
                    seen.add(name)
                    yield parameter_of(name, item.annotation, item.value, texts, self._values)

    def _passed_on(
        self, owner: SourceClass, init: ast.FunctionDef, taken: set[str]
    ) -> Iterator[Parameter]:
        """Yield the base class's parameters that `**kwargs` can still set."""
        bases = self._bases(owner)
        if init.args.kwarg is None or not bases:
            return
        positional, keywords = given_to_base(init)
        for parameter in self.parameters(bases[0])[positional:]:
            if parameter.name not in taken | keywords:
                yield parameter

    def resolve(self, module: str, name: str) -> SourceClass | None:
        """Return the class that a name stands for in a module; None if it is of no file here.

        Args:
            module: the module in which the name is used.
            name: the name, with dots where it is reached through a module.
        """
        imports, here = self._imports_of(module), f"{module}.{name}"
        if here in self._by_path:
            return self._by_path[here]
        head, dot, rest = name.partition(".")
        target = imports.get(head)
        if target is None:
            return None
        package, _, last = f"{target}{dot}{rest}".rpartition(".")
        return None if (package, last) == (module, name) else self.resolve(package, last)

    def _imports_of(self, module: str) -> dict[str, str]:
        """Return what a module imports; its file is read if it was not yet."""
        if module not in self._imports:
            file = self._read(module)
            self._imports[module] = file.imports if file else {}
            self._by_path |= {cls.path: cls for cls in file.classes} if file else {}
        return self._imports[module]

    def _bases(self, cls: SourceClass) -> list[SourceClass]:
        """Return the bases found in these files."""
        found = (self.resolve(cls.module, name) for name in cls.dotted_bases)
        return [base for base in found if base is not None]


def _unambiguous(groups: Iterable[dict[str, ast.expr]]) -> dict[str, ast.expr]:
    """Merge, and leave out the names to which two files give different values."""
    merged: dict[str, ast.expr] = {}
    clashes = set()
    for values in groups:
        for name, value in values.items():
            if ast.dump(merged.setdefault(name, value)) != ast.dump(value):
                clashes.add(name)
    return {name: value for name, value in merged.items() if name not in clashes}


def _documented(cls: SourceClass) -> dict[str, str]:
    """Return the argument texts of the class docstring and of its constructor's."""
    init = cls.methods.get("__init__")
    inner = ast.get_docstring(init) if init else None
    return argument_texts(cls.docstring) | argument_texts(inner or "")
