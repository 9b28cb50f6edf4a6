"""Going through clips: each is counted, those that can't be read are listed, too many stop it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from datamodules.store.clip import Clip
from datamodules.store.processing import UNREADABLE, FailureList
from snn_mm.errors import UserError


def test_failures_are_on_disk_as_they_are_met_and_sorted_at_the_end(
    clip: Callable[..., Clip], tmp_path: Path
) -> None:
    outcomes = [(clip("c"), "torn\n apart"), (clip("b"), 1), (clip("a"), "empty")]
    seen: list[list[str]] = []

    def note(done: int, total: int, unreadable: int) -> None:
        table = tmp_path / UNREADABLE
        rows = table.read_text().splitlines()[1:] if table.exists() else []
        seen.append([f"{done}/{total} {unreadable}", *(row.split("\t")[0] for row in rows)])

    with FailureList(tmp_path, 5, 2, 0.4, note) as failures:
        assert [(each.id, made) for each, made in failures.readable(outcomes)] == [("b", 1)]
    assert seen == [["2/5 0"], ["3/5 1", "c"], ["4/5 1", "c"], ["5/5 2", "c", "a"]]
    assert failures.reasons == {"c": "torn\n apart", "a": "empty"}
    assert (tmp_path / UNREADABLE).read_text() == (
        "clip\treason\tpicture\tsound\na\tempty\tnone\tnone\nc\ttorn apart\tnone\tnone\n"
    )


def test_one_more_than_the_share_stops_it_and_the_table_is_whole(
    clip: Callable[..., Clip], tmp_path: Path
) -> None:
    outcomes = iter([(clip("b"), "empty"), (clip("a"), "torn"), (clip("c"), "never reached")])
    with (
        pytest.raises(UserError) as stopped,
        FailureList(tmp_path, 4, 0, 0.25, lambda *_: None, "extracted") as failures,
    ):
        list(failures.readable(outcomes))
    assert str(stopped.value) == (
        "2 of 4 clips can't be read, more than max_unreadable 0.25:\n  b: empty\n  a: torn\n"
        f"  all so far: {tmp_path / UNREADABLE}\n"
        "what is extracted is kept: mend them or raise --max_unreadable, and start again"
    )
    rows = (tmp_path / UNREADABLE).read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["clip", "a", "b"]
