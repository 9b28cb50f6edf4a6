"""The classes of one file, and what it imports, by reading source, so that nothing is imported.

Importing the encoders would import torch, which takes seconds; parsing them takes milliseconds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from snn_mm.config.signatures import named_values
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

    @cached_property
    def options(self) -> list[ast.AnnAssign]:
        """The fields of a dataclass that have a plain value, and so a place in its constructor."""
        if not any(ast.unparse(mark).startswith("dataclass") for mark in self.node.decorator_list):
            return []
        annotated = (item for item in self.node.body if isinstance(item, ast.AnnAssign))
        return [
            item
            for item in annotated
            if _last_name(item.annotation) not in ("ClassVar", "KW_ONLY")
            and not isinstance(item.value, ast.Call)
        ]

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


def _is_abstract(method: ast.FunctionDef) -> bool:
    return any(_last_name(mark) == "abstractmethod" for mark in method.decorator_list)


def _dotted_name(node: ast.expr) -> str:
    """Return a name without what it is subscripted with."""
    return _dotted_name(node.value) if isinstance(node, ast.Subscript) else ast.unparse(node)


def _last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name, whatever it is subscripted with."""
    return _dotted_name(node).rpartition(".")[2]
