"""Reads a constructor's parameters out of its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LONGEST_CONSTANT = 60
"""Characters up to which a constant is shown by its value rather than its name."""


@dataclass(frozen=True)
class Parameter:
    """One constructor parameter; `default` is source text, None where a value is required."""

    name: str
    type: str
    default: str | None
    description: str


class _Expand(ast.NodeTransformer):
    """Puts the value of a name in its place, so that the accepted words and numbers are seen."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def own_parameters(
    init: ast.FunctionDef, texts: Mapping[str, str], values: Mapping[str, ast.expr]
) -> list[Parameter]:
    """Return the parameters a constructor names itself.

    Args:
        init: the `__init__` function.
        texts: descriptions by name.
        values: what to write in place of a name in annotations and defaults.
    """
    return [
        parameter_of(arg.arg, arg.annotation, default, texts, values)
        for arg, default in _arguments(init)
    ]


def parameter_of(
    name: str,
    annotation: ast.expr | None,
    default: ast.expr | None,
    texts: Mapping[str, str],
    values: Mapping[str, ast.expr],
) -> Parameter:
    """Return a parameter from its source; arguments as of `own_parameters`."""
    hint, value = _text(annotation, values) or "", _text(default, values)
    return Parameter(name, hint, value, texts.get(name, ""))


def given_to_base(init: ast.FunctionDef) -> tuple[int, set[str]]:
    """Return how many positional arguments, and which keywords, `super().__init__` is given."""
    for call in ast.walk(init):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
            return len(call.args), {keyword.arg for keyword in call.keywords if keyword.arg}
    return 0, set()


def named_values(tree: ast.Module) -> dict[str, ast.expr]:
    """Return a module's short constants and aliases of `Literal`, such as `Kappa`, by name."""
    return {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and _worth_showing(target.id, statement.value)
    }


def _worth_showing(name: str, value: ast.expr) -> bool:
    if isinstance(value, ast.Subscript):
        return ast.unparse(value.value).rsplit(".", 1)[-1] == "Literal"
    return name.isupper() and len(ast.unparse(value)) <= LONGEST_CONSTANT


def _text(node: ast.expr | None, values: Mapping[str, ast.expr]) -> str | None:
    """Return the source of an expression with names replaced; the tree itself stays as it was."""
    if node is None:
        return None
    copy = ast.parse(ast.unparse(node), mode="eval")
    return ast.unparse(_Expand(values).visit(copy))


def _arguments(function: ast.FunctionDef) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """Return each argument after `self` with its default."""
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(spec.defaults))
    defaults += spec.defaults
    return iter([*zip(positional, defaults), *zip(spec.kwonlyargs, spec.kw_defaults)][1:])
