"""Measurements in other processes: what can't be made, and Ctrl-C."""

from __future__ import annotations

import signal
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from snn_mm.analysis import workers
from snn_mm.analysis.workers import measure_all
from snn_mm.errors import UserError, check_choice
from snn_mm.run.processor import one_thread


def test_what_a_worker_cannot_make_is_said_by_the_work_that_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Raised where the worker starts, it would be printed with a traceback, and break the pool."""
    monkeypatch.setattr(workers, "_probe", None)
    with one_thread():
        workers._start(partial(check_choice, "model", "os.system", ("a module",)))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"model is 'os\.system'; accepted"):
        workers._measure((0.0, 0.0))


@pytest.mark.slow
def test_workers_never_hear_ctrl_c() -> None:
    """Each sends it to itself, of which it would end, and the pool break."""
    make: Any = partial(SimpleNamespace, measure=signal.raise_signal)
    strikes: list[Any] = [signal.SIGINT, signal.SIGINT]
    assert len(list(measure_all(make, strikes, jobs=2))) == len(strikes)
