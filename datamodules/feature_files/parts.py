"""One split of a feature file: its keys, read as what they should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.feature_files.values import PickledArray, RefusedError
from snn_mm.errors import UserError

Array = NDArray[Any]


class FilePart(NamedTuple):
    """A split of a feature file; every refusal names the file and the key.

    Attributes:
        path: of the file.
        name: of the split, as the file spells it.
        values: by key.
    """

    path: Path
    name: str
    values: Mapping[Any, Any]

    def refusal(self, key: str, reason: str) -> UserError:
        """The error that says what is wrong with a key."""
        return UserError(f"{self.path}: {self.name}/{key} {reason}.")

    def array(self, key: str) -> Array:
        """Return an array or a list as an array; a large one is mapped, not read."""
        if key not in self.values:
            raise self.refusal(key, f"is missing; the split has {str(list(self.values))[:150]}")
        value = self.values[key]
        if isinstance(value, list | tuple):
            return self._from_list(key, value)
        if not isinstance(value, PickledArray):
            raise self.refusal(key, f"is a {type(value).__name__}; accepted are arrays and lists")
        try:
            return value.numpy()
        except (RefusedError, ValueError) as error:  # text of protocol 2 that is no text
            raise self.refusal(key, str(error)[:200]) from error

    def sequences(self, key: str, samples: int, axes: str = "[N, L, D]") -> Array:
        """Return numbers of rank 3, one row a sample."""
        array = self.array(key)
        if array.dtype.kind not in "fiu":
            raise self.refusal(key, f"holds {array.dtype}; accepted are numbers")
        if array.ndim != 3 or 0 in array.shape[1:]:
            raise self.refusal(key, f"has the shape {array.shape}; accepted is {axes}")
        self._check_samples(key, array, samples)
        return array

    def numbers(self, key: str, samples: int | None = None) -> NDArray[np.float32]:
        """Return one number a sample, `[N]`."""
        array = self.array(key)
        try:
            numbers = array.astype(np.float32)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self.refusal(key, f"holds no numbers ({str(error)[:80]})") from error
        if numbers.ndim == 2 and numbers.shape[1] == 1:
            numbers = numbers[:, 0]  # [N, 1] -> [N]
        if numbers.ndim != 1:
            raise self.refusal(key, f"has the shape {numbers.shape}; accepted is [N]")
        self._check_samples(key, numbers, len(numbers) if samples is None else samples)
        return numbers

    def ids(self, key: str, samples: int) -> tuple[list[str], int]:
        """Return a unique name of each sample, and how many had to be made unique."""
        array = self.array(key)
        self._check_samples(key, array, samples)
        if array.ndim != 1:
            raise self.refusal(key, f"has the shape {array.shape}; accepted is [N]")
        names = [self._name(key, value) for value in array.tolist()]
        totals, seen = Counter(names), Counter[str]()
        for row, name in enumerate(names):
            seen[name] += 1
            if totals[name] > 1:
                names[row] = f"{name}#{seen[name]}"
        return names, sum(count for count in totals.values() if count > 1)

    def _name(self, key: str, value: object) -> str:
        if not isinstance(value, str | bytes | int):
            raise self.refusal(key, f"holds a {type(value).__name__}; accepted are strings")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def _from_list(self, key: str, value: list[Any] | tuple[Any, ...]) -> Array:
        """Return a flat list as an array; what is nested in it is refused."""
        flat = all(isinstance(item, str | bytes | int | float | None) for item in value)
        if not flat:
            raise self.refusal(key, "is a list of other things than numbers and strings")
        return np.array(value) if value else np.zeros(0)

    def _check_samples(self, key: str, array: Array, samples: int) -> None:
        if array.ndim == 0 or len(array) != samples:
            found = array.shape[0] if array.ndim else "no"
            raise self.refusal(key, f"has {found} samples, regression_labels {samples}")
