"""The thin entry point of `snnmm`: picks the command and turns its outcome into an exit code.

A command's module is imported only when it is called for, so that those which need no torch answer
at once.

Exit codes: 0 success, 1 `doctor` found something broken, a run of a `sweep` failed or the numbers
of a training are no longer finite, 2 a mistake in what was typed or in a config, 130 interrupted.
"""

from __future__ import annotations

import difflib
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import snn_mm
from snn_mm.commands.help import COMMANDS, overview
from snn_mm.config.trust.packages import split_flags, trusting
from snn_mm.errors import UserError

INTERRUPTED = 130
PIPE_CLOSED = 141  # as a shell reports a process that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: what was typed after `snnmm`; the process's own arguments if None.

    Returns:
        The exit code of the process.
    """
    _print_anywhere()
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()  # a closed pipe shows here, not while the interpreter shuts down
    except UserError as error:
        print(f"snnmm: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("snnmm: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `snnmm list | head`: nobody reads on
        _drop_output()
        return PIPE_CLOSED
    except OSError as error:
        from snn_mm.run.replace import DISK_ERRORS, unwritable

        if error.errno not in DISK_ERRORS:
            raise
        _drop_output()
        path = Path(error.filename) if error.filename else None
        print(f"snnmm: error: {unwritable(path, error)}", file=sys.stderr)
        return UserError.exit_code
    return code


def _print_anywhere() -> None:
    """Have what an ASCII terminal or pipe cannot show, such as ξ, written as its escape."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Let what is left in the buffer go nowhere, or the interpreter would try it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(argv: list[str]) -> int:
    """Answer the options of `snnmm` itself, or hand `argv` to the command it starts with."""
    if argv[:1] == ["help"]:
        argv = [*argv[1:2], "--help"]
    first = argv[0] if argv else "--help"
    if first in ("-h", "--help"):
        print(overview())
        return 0
    if first in ("-V", "--version"):
        print(f"snnmm {snn_mm.__version__}")
        return 0
    if first not in COMMANDS:
        raise UserError(_unknown(first))
    arguments, trusted = split_flags(argv[1:])
    with trusting(trusted):
        code: int = import_module(f"snn_mm.commands.{COMMANDS[first].module}").run(
            [first, *_with_files(arguments)]
        )
    return code


def _with_files(arguments: list[str]) -> list[str]:
    """Arguments, in which names of shipped experiments stand for their files."""
    if not any(".yaml" in argument for argument in arguments):
        return arguments
    from snn_mm.config.catalogue import shipped

    return [shipped(argument) for argument in arguments]


def _unknown(word: str) -> str:
    if word.startswith("-"):
        return f"unknown option '{word}'; a command comes first: snnmm fit {word} ..."
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "see `snnmm --help`"
    return f"unknown command '{word}'; {hint}\ncommands: {', '.join(COMMANDS)}"
