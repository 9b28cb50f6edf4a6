"""YAML: bombs, mazes and numbers without end are refused before anything is built of them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from snn_mm.errors import UserError
from snn_mm.reading.yaml_files import LARGEST_YAML, MOST_NODES, compose, parse_yaml, read_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, r"f:6: more than 200,000 values, with those that are repeated"),
        (LAUGHS.replace(", ", "\n, "), "more than 200,000 values"),
        ("a: &a\n  b: *a\n", r"f:2: '\*a' refers to what it stands in"),
        ("a: &a {<<: *a}", r"'\*a' refers to what it stands in"),
        ("[" * 100_000, "maximum nesting depth|levels inside"),
        ("- " * 100_000 + "x", "f:1: more than 100 levels"),
        ("? " * 1000 + "x", "f:1: more than 100 levels"),
        ("".join(" " * n + "a:\n" for n in range(200)), "f:101: more than 100 levels"),
        ("[" + "1," * MOST_NODES + "1]", "more than 200,000 values"),
        ("a: " + "1:" * 50_000 + "1", "f:1: a number of 100,001 digits"),
        ("a: 0x" + "f" * 50_000, "f:1: a number of 50,002 digits"),
        ("# " + "x" * LARGEST_YAML, "characters; accepted are 4,194,304"),
        ("a: [", "f:2: no valid YAML"),
        ("a: 2001-99-99", "f is no valid YAML: month must be in"),
        ("!!int ''", "f is no valid YAML"),
        ("a: !!python/object/apply:os.system [x]", "f is no valid YAML: could not determine"),
        ("\x00", "f: no valid YAML"),
        ("a: \ud800", "f: no valid YAML"),
    ],
)
def test_what_no_config_is_ends_at_once_in_a_named_error(text: str, message: str) -> None:
    begin = time.process_time()
    with pytest.raises(UserError, match=message):
        parse_yaml(text, "f")
    assert time.process_time() - begin < 20  # they took minutes, or all memory


def test_aliases_and_merges_of_a_config_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a {x: 1}\nb: {<<: *a, y: [*a, *a]}\nc: *a\n")
    one = {"x": 1}
    expected = {"a": one, "b": {"x": 1, "y": [one, one]}, "c": one}
    assert read_yaml(tmp_path / "a.yaml") == expected


def test_a_long_text_and_ninety_levels_are_no_bomb() -> None:
    assert parse_yaml(f"a: {'x' * 100_000}", "f") == {"a": "x" * 100_000}
    assert compose("[" * 90 + "]" * 90, "f") is not None
    assert parse_yaml("", "f") is None
