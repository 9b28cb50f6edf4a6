"""Says in a few lines where code of the user's own failed."""

from __future__ import annotations

import linecache
import traceback

from snn_mm.config.class_names import OWN_PACKAGES
from snn_mm.config.values import is_installed

SHOW_STACK = "SNN_MM_TRACEBACK"
"""Environment variable that asks for the whole stack."""


def own_failure(error: BaseException) -> str | None:
    """Where an error began in code that is neither this project's nor a library's; None elsewhere.

    A library that fails was called by somebody: the innermost frame outside of libraries tells.
    """
    steps = [step for step in traceback.walk_tb(error.__traceback__) if not is_installed(step[0])]
    if not steps or str(steps[-1][0].f_globals.get("__name__", "")).startswith(OWN_PACKAGES):
        return None
    frame, number = steps[-1]
    file, function = frame.f_code.co_filename, frame.f_code.co_name
    what = (str(error).strip().splitlines() or [""])[0]
    return (
        f"{file}:{number}, in {function}: {type(error).__name__}: {what}\n"
        f"    {linecache.getline(file, number).strip()}\n{SHOW_STACK}=1 shows the whole stack"
    )
