"""Finds classes and their constructor parameters by reading source, so that nothing is imported.

Importing the encoders would import torch, which takes seconds; parsing them takes milliseconds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from snn_mm.commands.docstrings import argument_texts
from snn_mm.commands.signatures import (
    Parameter,
    given_to_base,
    named_values,
    own_parameters,
)
from snn_mm.errors import UserError


@dataclass(frozen=True)
class SourceClass:
    """A class statement, and the module it stands in."""

    module: str
    node: ast.ClassDef

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.node.name

    @property
    def path(self) -> str:
        """The class path by the file that defines it."""
        return f"{self.module}.{self.name}"

    @cached_property
    def docstring(self) -> str:
        """The docstring, without its indentation."""
        return ast.get_docstring(self.node) or ""

    @cached_property
    def dotted_bases(self) -> tuple[str, ...]:
        """Each base as the class statement calls it: `base.Encoder` for `base.Encoder[X]`."""
        return tuple(_dotted_name(base) for base in self.node.bases)

    @cached_property
    def bases(self) -> tuple[str, ...]:
        """The last part of each base's name."""
        return tuple(name.rpartition(".")[2] for name in self.dotted_bases)

    @cached_property
    def methods(self) -> dict[str, ast.FunctionDef]:
        """The functions of the class body by name."""
        return {item.name: item for item in self.node.body if isinstance(item, ast.FunctionDef)}

    @property
    def assigned(self) -> set[str]:
        """Names the class body defines in any way; they implement what a base class left open."""
        names = set(self.methods)
        for item in self.node.body:
            if isinstance(item, ast.Assign):
                names |= {target.id for target in item.targets if isinstance(target, ast.Name)}
            elif isinstance(item, ast.AnnAssign) and item.value is not None:
                names.add(ast.unparse(item.target))
        return names

    @property
    def left_open(self) -> set[str]:
        """Names that a subclass has to define: abstract methods, `ClassVar`s without a value."""
        abstract = {name for name, method in self.methods.items() if _is_abstract(method)}
        return abstract | {
            ast.unparse(item.target)
            for item in self.node.body
            if isinstance(item, ast.AnnAssign)
            and item.value is None
            and _last_name(item.annotation) == "ClassVar"
        }


@dataclass(frozen=True)
class SourceFile:
    """What one file defines.

    Attributes:
        module: the name it is imported by.
        classes: its classes.
        values: the values that its signatures name.
        imports: what it imports, by the name that stands for it.
    """

    module: str
    classes: list[SourceClass]
    values: dict[str, ast.expr]
    imports: dict[str, str]


class SourceIndex:
    """The classes of some files, with inheritance followed among them."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        files = list(files)
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
            return ()
        init = owner.methods["__init__"]
        texts: dict[str, str] = {}
        for member in reversed(lineage):
            texts |= _documented(member)
        own = own_parameters(init, texts, self._values)
        return (*own, *self._passed_on(owner, init, {parameter.name for parameter in own}))

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
        here = f"{module}.{name}"
        if here in self._by_path:
            return self._by_path[here]
        head, dot, rest = name.partition(".")
        target = self._imports.get(module, {}).get(head)
        if target is None:
            return None
        package, _, last = f"{target}{dot}{rest}".rpartition(".")
        return None if (package, last) == (module, name) else self.resolve(package, last)

    def _bases(self, cls: SourceClass) -> list[SourceClass]:
        """Return the bases found in these files."""
        found = (self.resolve(cls.module, name) for name in cls.dotted_bases)
        return [base for base in found if base is not None]


def read_source(module: str, path: Path) -> SourceFile:
    """Parse one file.

    Args:
        module: the name it is imported by.
        path: the file.

    Raises:
        UserError: the file is not Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UserError(f"{path}, line {error.lineno}: {error.msg}") from None
    classes = [SourceClass(module, node) for node in tree.body if isinstance(node, ast.ClassDef)]
    return SourceFile(module, classes, named_values(tree), dict(_imported(tree.body)))


def _imported(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield each name that statements import, and what it stands for."""
    for statement in statements:
        if isinstance(statement, ast.If):  # such as `if TYPE_CHECKING`
            yield from _imported(statement.body)
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                yield alias.asname or alias.name, f"{statement.module}.{alias.name}"
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                plain = alias.name.partition(".")[0]
                yield alias.asname or plain, alias.name if alias.asname else plain


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


def _is_abstract(method: ast.FunctionDef) -> bool:
    return any(_last_name(mark) == "abstractmethod" for mark in method.decorator_list)


def _dotted_name(node: ast.expr) -> str:
    """Return a name without what it is subscripted with."""
    return _dotted_name(node.value) if isinstance(node, ast.Subscript) else ast.unparse(node)


def _last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name, whatever it is subscripted with."""
    return _dotted_name(node).rpartition(".")[2]
