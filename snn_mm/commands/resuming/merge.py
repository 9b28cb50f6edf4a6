"""Three-way merge of states, as of files under version control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

MISSING = object()
"""What a mapping holds under a key that it lacks."""


class ConflictError(Exception):
    """A setting was changed that training has changed as well.

    Args:
        entry: the entry of the state, such as `lr`.
    """

    def __init__(self, entry: str) -> None:
        super().__init__(entry)
        self.entry = entry


def merge(before: Any, now: Any, saved: Any, entry: str = "") -> Any:
    """What an object goes on with whose settings have changed.

    What the settings do not touch stays as it was saved; what they touch, and training did not, is
    as they say.

    Args:
        before: state of the object made by the settings of the checkpoint, untrained.
        now: state of the object made by the settings of today, untrained.
        saved: state in the checkpoint.
        entry: name of the state, for the error.

    Raises:
        ConflictError: settings and training have changed the same entry.

    Example:
        >>> merge({"lr": 2, "steps": 0}, {"lr": 5, "steps": 0}, {"lr": 2, "steps": 7})
        {'lr': 5, 'steps': 7}
    """
    if same(before, now):
        return saved
    if same(saved, before):
        return now
    parts = (before, now, saved)
    if all(isinstance(part, Mapping) for part in parts):
        return _merge_mappings(before, now, saved)
    if all(is_list(part) and len(part) == len(before) for part in parts):
        return [merge(*items, entry) for items in zip(*parts)]
    raise ConflictError(entry)


def _merge_mappings(
    before: Mapping[str, Any], now: Mapping[str, Any], saved: Mapping[str, Any]
) -> dict[str, Any]:
    merged = {
        key: merge(
            before.get(key, MISSING), now.get(key, MISSING), saved.get(key, MISSING), str(key)
        )
        for key in {**saved, **now}
    }
    return {key: value for key, value in merged.items() if value is not MISSING}


def same(one: Any, other: Any) -> bool:
    """Whether two states are equal, numbers but for rounding."""
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return (
            isinstance(one, Tensor) and isinstance(other, Tensor) and one.shape == other.shape
        ) and bool((one.detach().cpu() == other.detach().cpu()).all())
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if is_list(one) and is_list(other):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def is_list(value: Any) -> bool:
    """Whether a value is a list or tuple; text is neither."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
