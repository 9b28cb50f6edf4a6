"""What was meant by a key."""

from __future__ import annotations

import pytest

from snn_mm.config.keys.hints import nearest, suggest

ELSEWHERE = ["model", "model.optimizer", "model.optimizer.lr", "data.seed", "seed_everything"]


def test_nearest_ignores_case() -> None:
    assert nearest("iemf", ["IEMF", "OGMGE"]) == ["IEMF"]
    assert nearest("zzz", ["IEMF"]) == []


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("lr", "nearest: model.optimizer.lr"),
        ("learning_rate", "nearest: model.optimizer.lr"),
        ("seed", "nearest: seed_everything, data.seed"),
        ("optimizer", "nearest: model.optimizer"),
        ("widht", "nearest: width"),
        ("optimiser", "nearest: model.optimizer"),
        ("zzz", "accepted: width, trainer"),
    ],
)
def test_a_key_that_stands_elsewhere_is_shown_with_its_place(word: str, hint: str) -> None:
    assert suggest(word, ["width", "trainer"], ELSEWHERE) == f"\n{hint}"


def test_a_likely_neighbour_comes_before_its_name_elsewhere() -> None:
    found = suggest("frame", ["frames"], ["data.loader.frames", "model.frame"])
    assert found == "\nnearest: frames, model.frame"
