"""JSON: nesting, size and missing keys are said with the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn_mm.errors import UserError
from snn_mm.reading import json_files
from snn_mm.reading.json_files import json_object, json_value, parse_json


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "1" * 5000, "", '"\\x"'])
def test_what_is_no_json_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"a\.json is no valid JSON"):
        json_value(tmp_path / "a.json")


def test_more_values_than_memory_has_are_counted_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files, "MOST_VALUES", 3)
    assert parse_json("[1, 2]", Path("a")) == [1, 2]
    for text in ("[1, 2, 3, 4]", b"[[[[]]]]"):
        with pytest.raises(UserError, match="4 values; accepted are 3"):
            parse_json(text, Path("a"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "a.json: list; accepted is an object"),
        ("{}", "key 'ids' is missing; accepted is a list"),
        ('{"ids": "x"}', "key 'ids' is 'x'; accepted is a list"),
    ],
)
def test_a_missing_key_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=message):
        json_object(tmp_path / "a.json", {"ids": list})
