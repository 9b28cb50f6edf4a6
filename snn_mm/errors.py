"""The one exception that means: the user can mend this."""

from __future__ import annotations

from collections.abc import Sequence


class UserError(Exception):
    """A mistake in a config, a flag or the data; ends the command with exit code 2.

    The message says what is wrong, where (key or file), and what is accepted, in five lines at
    most.
    """


def check_choice(key: str, value: str, accepted: Sequence[str]) -> None:
    """Refuse a value that is not accepted.

    Raises:
        UserError: names the key and what is accepted.
    """
    if value not in accepted:
        raise UserError(f"{key} is {value!r}; accepted: {', '.join(accepted)}")
