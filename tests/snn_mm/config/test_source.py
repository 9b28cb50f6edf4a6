"""Inheritance and constructor parameters, read without an import."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn_mm.config.signatures import Parameter
from snn_mm.config.source import SourceIndex
from snn_mm.config.source_file import SourceClass, read_source
from snn_mm.errors import UserError

SOURCE = '''
from abc import ABC, abstractmethod
from typing import Literal
from elsewhere import Node, nn

Mode = Literal["a", "b"]
WIDTH = 64
LONG = "a constant that is too long to be shown in the place of its own name, which stays"

class Base(nn.Module, ABC):
    """Base.

    Args:
        size: how big.
        depth: how deep.
    """
    def __init__(self, size: int, depth: int = 2) -> None: ...
    @abstractmethod
    def forward(self): ...

class Half(Base):
    """Still abstract."""

class Whole(Half):
    """Concrete, with the constructor of Base."""
    def forward(self): ...

class Passing(Whole):
    """Hands the rest on.

    Args:
        mode: which way.
    """
    def __init__(self, mode: Mode = "a", *, width: int = WIDTH, text: str = LONG, **kwargs):
        super().__init__(8, **kwargs)

class Fixing(Whole):
    def __init__(self, **kwargs: int) -> None:
        super().__init__(depth=3, **kwargs)

class Assigned(Base):
    forward = None

class Neuron(Node): ...

class _Hidden(Whole): ...
'''


@pytest.fixture
def index(tmp_path: Path) -> SourceIndex:
    file = tmp_path / "made.py"
    file.write_text(SOURCE)
    return SourceIndex([read_source("made", file)])


def pick(index: SourceIndex, name: str) -> SourceClass:
    return next(cls for cls in index.classes if cls.name == name)


@pytest.mark.parametrize(
    ("name", "concrete"),
    [
        ("Base", False),
        ("Half", False),
        ("Whole", True),
        ("Assigned", True),
        ("Neuron", True),
        ("_Hidden", False),
    ],
)
def test_only_public_classes_with_nothing_abstract_are_concrete(
    index: SourceIndex, name: str, concrete: bool
) -> None:
    assert index.is_concrete(pick(index, name)) is concrete


def test_ancestors_are_followed_through_files_and_beyond(index: SourceIndex) -> None:
    assert index.ancestor_names(pick(index, "Passing")) == {
        "Whole",
        "Half",
        "Base",
        "Module",
        "ABC",
    }


def test_constructor_and_descriptions_are_inherited(index: SourceIndex) -> None:
    assert index.parameters(pick(index, "Whole")) == (
        Parameter("size", "int", None, "how big."),
        Parameter("depth", "int", "2", "how deep."),
    )


def test_kwargs_add_what_the_base_is_not_given(index: SourceIndex) -> None:
    names = [parameter.name for parameter in index.parameters(pick(index, "Passing"))]
    assert names == ["mode", "width", "text", "depth"]
    assert [parameter.name for parameter in index.parameters(pick(index, "Fixing"))] == ["size"]


def test_aliases_and_short_constants_are_written_out(index: SourceIndex) -> None:
    mode, width, text, _ = index.parameters(pick(index, "Passing"))
    assert mode == Parameter("mode", "Literal['a', 'b']", "'a'", "which way.")
    assert (width.default, text.default) == ("64", "LONG")


def test_a_constant_with_two_values_keeps_its_name(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("A = 1\nclass X:\n    def __init__(self, a: int = A): ...")
    two.write_text("A = 2")
    both = SourceIndex([read_source("one", one), read_source("two", two)])
    assert both.parameters(both.classes[0])[0].default == "A"


def test_a_class_without_constructor_has_no_parameters(index: SourceIndex) -> None:
    assert index.parameters(pick(index, "Neuron")) == ()


def test_broken_source_names_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("x = 1\nclass :\n")
    with pytest.raises(UserError, match=r"broken\.py, line 2"):
        read_source("broken", file)


def test_of_two_classes_with_one_name_the_imported_one_is_the_base(tmp_path: Path) -> None:
    sources = {
        "one.base": "class Base:\n    def __init__(self, a: int): ...",
        "two.base": "class Base:\n    def __init__(self, b: int): ...",
        "two": "from two.base import Base as Given",
        "user": "import one.base\nfrom two import Given\n"
        "class A(one.base.Base): ...\nclass B(Given): ...\nclass C(Base): ...",
    }
    files = []
    for module, text in sources.items():
        path = tmp_path / f"{module}.py"
        path.write_text(text)
        files.append(read_source(module, path))
    index = SourceIndex(files)
    names = {c.name: [p.name for p in index.parameters(c)] for c in index.classes[2:]}
    assert names == {"A": ["a"], "B": ["b"], "C": []}
    assert index.ancestor_names(pick(index, "C")) == {"Base"}
