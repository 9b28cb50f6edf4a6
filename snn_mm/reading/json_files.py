"""JSON that anyone may have written or damaged."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snn_mm.errors import UserError
from snn_mm.reading.text import naming, read_text

MOST_VALUES = 10_000_000
"""A value takes up to 70 bytes, however short it is written."""

FORMS = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


def parse_json(text: str | bytes, path: Path) -> Any:
    """The value of JSON text.

    Args:
        text: the JSON.
        path: where it is from, for the message.

    Raises:
        UserError: it is none, is nested too deeply, or has too many values.
    """
    signs: tuple[Any, ...] = (b",", b"[", b"{") if isinstance(text, bytes) else (",", "[", "{")
    values = sum(map(text.count, signs))
    if values > MOST_VALUES:
        raise UserError(f"{path}: {values:,} values; accepted are {MOST_VALUES:,}")
    with naming(path, "is no valid JSON"):
        return json.loads(text)


def json_value(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        UserError: it can't be read, or is no JSON.
    """
    return parse_json(read_text(path), path)


def json_object(path: Path, kinds: Mapping[str, type] | None = None) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: the file.
        kinds: keys that it must have, and the type of their values.

    Raises:
        UserError: it can't be read, is no object, or lacks a key; names it.
    """
    content = json_value(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: {type(content).__name__}; accepted is an object")
    for key, kind in (kinds or {}).items():
        if not isinstance(content.get(key), kind):
            found = repr(content[key])[:60] if key in content else "missing"
            raise UserError(f"{path}: key '{key}' is {found}; accepted is {FORMS[kind]}")
    return content


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty if there is no such file or it holds something else."""
    try:
        content: dict[str, Any] = finite(json_object(path))
    except UserError:
        return {}
    return content


def finite(value: Any) -> Any:
    """What JSON can say of a value: nothing of numbers that are none, which a damaged file has."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
