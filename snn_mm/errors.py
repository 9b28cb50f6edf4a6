"""The one exception that means: the user can mend this."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar


class UserError(Exception):
    """A mistake in a config, a flag or the data; ends the command with exit code 2.

    The message says what is wrong, where (key or file), and what is accepted, in five lines at
    most.

    Attributes:
        exit_code: with which the command ends.
    """

    exit_code: ClassVar[int] = 2


class NotFiniteError(UserError):
    """A training whose numbers are no longer finite, such as with too large a learning rate.

    Its line was right, so that a sweep goes on with its other runs: exit code 1.
    """

    exit_code: ClassVar[int] = 1


def check_choice(key: str, value: str, accepted: Sequence[str]) -> None:
    """Refuse a value that is not accepted.

    Raises:
        UserError: names the key and what is accepted.
    """
    if value not in accepted:
        raise UserError(f"{key} is {value!r}; accepted: {', '.join(accepted)}")


def check_range(key: str, value: float, low: float, high: float = math.inf) -> None:
    """Refuse a number outside of a range, its ends included, and what is no number.

    Raises:
        UserError: names the key and what is accepted.
    """
    if not low <= value <= high:
        accepted = f"{low:.10g} or more" if high == math.inf else f"{low:.10g} to {high:.10g}"
        raise UserError(f"{key} is {value}; accepted: {accepted}")
