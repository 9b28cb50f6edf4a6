"""Processes that decode: whatever happens to one, every clip has an outcome."""

from __future__ import annotations

from collections.abc import Callable

import folder_data
import pytest

from datamodules.store import workers as module
from datamodules.store.clip import Clip, ClipNote, DecodedClip
from datamodules.store.workers import Workers


@pytest.mark.parametrize("count", [1, 3])
def test_a_clip_that_ends_its_process_costs_no_other(count: int, clip: Callable[..., Clip]) -> None:
    names = ["1", "crash", "2", "out of memory", "damaged", "3", "surprise", "crash2", "4"]
    with Workers(count, folder_data.odd_decode) as workers:
        outcomes = {done.id: what for done, what in workers.outcomes(map(clip, names))}
    assert set(outcomes) == set(names)
    assert [len(outcomes[name].sound) for name in "1234"] == [1, 2, 3, 4]
    assert outcomes["crash"] == "the process that decoded it died (ended by SIGSEGV)"
    assert outcomes["out of memory"] == "the process that decoded it died (ended by SIGKILL)"
    assert outcomes["damaged"] == "no sound"
    assert outcomes["surprise"] == "IndexError: tuple index out of range"


def test_what_a_process_notes_of_a_clip_arrives_once(clip: Callable[..., Clip]) -> None:
    with Workers(1, folder_data.odd_decode) as workers, pytest.warns(ClipNote) as caught:
        outcomes = list(workers.outcomes(map(clip, ["1", "noted", "2"])))
    assert len(outcomes) == 3
    assert [str(each.message) for each in caught] == ["a.wav: too loud"]


def test_a_clip_that_hangs_is_given_up(
    clip: Callable[..., Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIME_LIMIT", 2.0)  # a busy machine takes one for a good clip
    monkeypatch.setattr(module, "POLL", 0.1)
    with Workers(1, folder_data.odd_decode) as workers:
        (_, hung), (_, fine) = workers.outcomes([clip("hang"), clip("7")])
    assert hung == "decoding it took more than 2 s"
    assert isinstance(fine, DecodedClip)


def test_a_process_that_died_between_two_clips_is_replaced(clip: Callable[..., Clip]) -> None:
    with Workers(1, folder_data.odd_decode) as workers:
        list(workers.outcomes([clip("1")]))
        workers._workers[0].process.kill()
        workers._workers[0].process.join()
        ((_, outcome),) = workers.outcomes([clip("2")])
    assert isinstance(outcome, DecodedClip)
