"""Batches of which only some modalities are present, and what is worth what."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.metrics.coalitions import (
    keep_only,
    predict,
    rows_seen,
    targets,
    worth_of,
    worth_of_nothing,
)

NAMES = ("audio", "visual")


def batch() -> Batch:
    """Three samples; the second lacks sound, the third the picture."""
    return Batch(
        inputs={"audio": torch.arange(6.0).view(3, 2), "visual": torch.arange(3.0).view(3, 1)},
        lengths={"audio": torch.tensor([2, 0, 1]), "visual": torch.tensor([1, 1, 0])},
        target=torch.tensor([0, 1, 1]),
        id=["a", "b", "c"],
        present={
            "audio": torch.tensor([True, False, True]),
            "visual": torch.tensor([True, True, False]),
        },
    )


def test_what_is_kept_stays_and_samples_that_have_none_of_it_are_left_out() -> None:
    seen = keep_only(batch(), NAMES, ["visual"])
    assert seen["id"] == ["a", "b"]
    assert seen["target"].tolist() == [0, 1]
    assert {name: x.tolist() for name, x in seen["present"].items()} == {
        "audio": [False, False],
        "visual": [True, True],
    }
    assert seen["lengths"]["audio"].tolist() == [0, 0]
    assert seen["inputs"]["visual"].tolist() == [[0.0], [1.0]]
    assert rows_seen(batch(), ["audio"]).tolist() == [True, False, True]
    assert rows_seen(batch(), NAMES).all()


def test_the_batch_itself_is_left_as_it_is_and_all_is_no_change() -> None:
    given = batch()
    assert keep_only(given, NAMES, NAMES)["present"] == given["present"]
    keep_only(given, NAMES, ["audio"])
    assert given["lengths"]["visual"].tolist() == [1, 1, 0]
    whole = Batch(inputs={}, target=torch.zeros(2), id=["a", "b"])
    assert "present" not in keep_only(whole, NAMES, NAMES)
    assert not keep_only(whole, NAMES, ["audio"])["present"]["visual"].any()


def test_worth_is_the_probability_of_the_class_or_minus_the_error_of_the_score() -> None:
    classes = worth_of(torch.tensor([[0.2, 0.8], [0.6, 0.4]]), torch.tensor([1, 1]))
    assert classes.counted.tolist() == [1.0, 0.0]
    torch.testing.assert_close(classes.value, torch.tensor([0.8, 0.4]).double())
    scores = worth_of(torch.tensor([1.0, -2.0]), torch.tensor([0.5, 1.0]))
    assert scores.right is None
    assert scores.counted.tolist() == [-0.5, -3.0]
    assert worth_of_nothing(torch.tensor([2, 0]), 4).counted.tolist() == [0.25, 0.25]


def test_heads_have_targets_of_their_own_where_a_module_says_so() -> None:
    given = batch()
    assert targets(object(), given, ["fused"])["fused"] is given["target"]
    own = SimpleNamespace(targets=lambda _: {"fused": 1, "audio": 2})
    assert targets(own, given, ["audio"]) == {"audio": 2}


def test_a_module_without_a_fused_prediction_is_refused() -> None:
    silent = SimpleNamespace(predict_step=lambda *_: {"id": [], "probability": {"audio": 1}})
    with pytest.raises(UserError, match="no fused probability or score"):
        predict(silent, batch())
