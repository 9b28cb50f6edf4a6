"""Compiled loops run on the threads that torch computes with, each share once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from snn_mm.neurons.loops import threads
from snn_mm.neurons.loops.threads import in_chunks

needs_openmp = pytest.mark.skipif(threads._openmp() is None, reason="torch has another OpenMP here")


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """torch on two threads, whatever the rest of the run has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["team", "pool", "small team"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way in which shares are given to threads."""
    if request.param == "pool":
        monkeypatch.setattr(threads, "_openmp", lambda: None)
    if request.param == "small team":
        openmp = threads._openmp()
        if openmp is None:
            pytest.skip("torch has another OpenMP here")
        monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
        monkeypatch.setattr(threads, "_openmp", lambda: _OfOne(openmp))


class _OfOne:
    """An OpenMP that gives one thread, however many it is asked for."""

    def __init__(self, openmp: object) -> None:
        self.openmp = openmp

    def __getattr__(self, name: str) -> object:
        return getattr(self.openmp, name)

    def GOMP_parallel(self, share: object, data: None, _: int, flags: int) -> None:  # noqa: N802
        self.openmp.GOMP_parallel(share, data, 1, flags)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("size", [1, 100_000, 1_000_003])
def test_every_number_is_in_one_share(size: int) -> None:
    shares: list[tuple[int, int]] = []
    in_chunks(lambda start, stop, given: shares.append((start, stop, given)), size, 4, "given")
    starts, stops, given = zip(*sorted(shares))
    assert (starts[0], stops[-1]) == (0, size)
    assert starts[1:] == stops[:-1]
    assert set(given) == {"given"}
    assert len(shares) == 1 or all(start % 16 == 0 for start in starts)
    assert len(shares) == max(1, min(torch.get_num_threads(), 4 * size // threads._GRAIN))


@pytest.mark.usefixtures("way")
def test_an_error_in_a_share_is_raised_and_the_next_loop_runs() -> None:
    def broken(start: int, stop: int) -> None:
        if start:
            raise ArithmeticError(f"from {start}")

    with pytest.raises(ArithmeticError, match="from"):
        in_chunks(broken, 1 << 20, 1)
    seen: list[int] = []
    in_chunks(lambda start, stop: seen.append(start), 1 << 20, 1)
    assert len(seen) == min(torch.get_num_threads(), 16)


@needs_openmp
def test_no_thread_is_started_beside_those_of_torch() -> None:
    torch.ones(1 << 21).exp()
    before = _threads()
    ran: set[int] = set()
    together = threading.Barrier(2)  # two shares, on two threads

    def loop(start: int, stop: int) -> None:
        together.wait(timeout=30)
        ran.add(threading.get_native_id())

    for _ in range(3):
        in_chunks(loop, 1 << 20, 1)
    assert len(ran) == 2
    assert ran <= before
    assert _threads() == before


def _threads() -> set[int]:
    return {int(each.name) for each in Path("/proc/self/task").iterdir()}
