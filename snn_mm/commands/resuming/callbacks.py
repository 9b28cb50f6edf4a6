"""Callbacks that go on with other settings than they were saved with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lightning.pytorch.callbacks import Callback

from snn_mm.callbacks.modulation.base import Modulation
from snn_mm.callbacks.recording.last_checkpoint import LastCheckpoint
from snn_mm.commands.resuming.merge import ConflictError, merge, same

States = dict[str, Any]
"""`callbacks` of a checkpoint."""


def merged_callbacks(
    before: Sequence[Callback], now: Sequence[Callback], saved: Mapping[str, Any]
) -> States:
    """The states that callbacks go on with.

    Args:
        before: callbacks with the settings of the checkpoint.
        now: those of today; one that was not there before starts anew.
        saved: the states of the checkpoint.

    Raises:
        ConflictError: names the class of the callback whose settings can't be applied.
    """
    states = dict(saved)
    for old, new in pairs(before, now):
        if old.state_key in saved:
            try:
                states[new.state_key] = merged_state(old, new, saved[old.state_key])
            except ConflictError as error:
                raise ConflictError(type(new).__name__) from error
    last = LastCheckpoint.__qualname__
    if last in states:  # whether to stop is for the new settings to say
        states[last] = {**states[last], "should_stop": False}
    return states


def pairs(
    before: Sequence[Callback], now: Sequence[Callback]
) -> Iterator[tuple[Callback, Callback]]:
    """The callbacks that are there before and now: the first of a class is its first, and so on."""
    by_class: dict[type[Callback], list[Callback]] = defaultdict(list)
    for callback in before:
        by_class[type(callback)].append(callback)
    for callback in now:
        if by_class[type(callback)]:
            yield by_class[type(callback)].pop(0), callback


def merged_state(old: Callback, new: Callback, saved: Any) -> Any:
    """The state that one callback goes on with.

    Raises:
        ConflictError: the state is of other things, such as the best score of another metric, or
            holds objects that were made by the old settings.
    """
    before, now = old.state_dict(), new.state_dict()
    # A modulation's key tells two windows apart; what it has gathered is of use in any window.
    if old.state_key != new.state_key and not isinstance(new, Modulation):
        raise ConflictError(type(new).__name__)
    made = [key for key, value in before.items() if value is None and now.get(key) is None]
    if not same_settings(old, new) and any(isinstance(saved.get(key), Mapping) for key in made):
        raise ConflictError(type(new).__name__)
    return merge(before, now, saved)


def same_settings(old: Callback, new: Callback) -> bool:
    """Whether two new callbacks have the same attributes, as far as these can be compared."""
    mine, yours = ({k: v for k, v in vars(each).items() if is_plain(v)} for each in (old, new))
    return same(mine, yours)


def is_plain(value: Any) -> bool:
    """Whether equal values are of equal meaning."""
    return value is None or isinstance(value, bool | int | float | str | list | tuple | dict)
