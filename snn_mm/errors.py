"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """A mistake in a config, a flag or the data; ends the command with exit code 2.

    The message says what is wrong, where (key or file), and what is accepted, in five lines at
    most.
    """
