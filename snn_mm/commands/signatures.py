"""Reads a constructor's parameters out of its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """One constructor parameter; `default` is source text, None where a value is required."""

    name: str
    type: str
    default: str | None
    description: str


class _Expand(ast.NodeTransformer):
    """Puts what a type alias stands for in its place, so that the accepted words are seen."""

    def __init__(self, aliases: Mapping[str, ast.expr]) -> None:
        self.aliases = aliases

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.aliases.get(node.id, node)


def own_parameters(
    init: ast.FunctionDef, texts: Mapping[str, str], aliases: Mapping[str, ast.expr]
) -> list[Parameter]:
    """Return the parameters a constructor names itself.

    Args:
        init: the `__init__` function.
        texts: descriptions by name.
        aliases: type aliases to expand in annotations.
    """
    return [
        Parameter(arg.arg, _annotation(arg, aliases), default, texts.get(arg.arg, ""))
        for arg, default in _arguments(init)
    ]


def given_to_base(init: ast.FunctionDef) -> tuple[int, set[str]]:
    """Return how many positional arguments, and which keywords, `super().__init__` is given."""
    for call in ast.walk(init):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
            return len(call.args), {keyword.arg for keyword in call.keywords if keyword.arg}
    return 0, set()


def literal_aliases(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the module's aliases of `Literal`, such as `Scope = Literal["module"]`, by name."""
    return {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and _is_literal(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal")


def _annotation(arg: ast.arg, aliases: Mapping[str, ast.expr]) -> str:
    """Return the source of an annotation on one line; the tree itself stays as it was."""
    if arg.annotation is None:
        return ""
    copy = ast.parse(ast.unparse(arg.annotation), mode="eval")
    return ast.unparse(_Expand(aliases).visit(copy))


def _arguments(function: ast.FunctionDef) -> Iterator[tuple[ast.arg, str | None]]:
    """Yield each argument after `self` with the source of its default."""
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(spec.defaults))
    defaults += spec.defaults
    pairs = [*zip(positional, defaults), *zip(spec.kwonlyargs, spec.kw_defaults)]
    for arg, default in pairs[1:]:
        yield arg, None if default is None else ast.unparse(default)
