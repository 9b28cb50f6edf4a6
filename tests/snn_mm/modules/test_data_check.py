"""A batch that is none is refused by the key that is wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.modules.data_check import check_batch

X, LABELS = torch.ones(3, 4), torch.tensor([0, 1, 2])
CLASSIFIER, SCORER = SimpleNamespace(num_classes=3), SimpleNamespace()


def batch(**changes: Any) -> Any:
    return {"inputs": {"a": X}, "target": LABELS, "id": ["x"] * 3, **changes}


WRONG = {
    "a tuple": ((X, LABELS), "a batch must be a dict with inputs, target and id; .* is a tuple"),
    "no target": ({"inputs": {"a": X}, "label": LABELS}, "this one has inputs, label"),
    "labels as a list": (batch(target=[0, 1, 2]), "a tensor .N. of class indices .* is a list"),
    "labels as numbers": (batch(target=LABELS.float()), r"class indices .* is \[3\] of float32"),
    "one-hot labels": (batch(target=torch.eye(3).long()), r"class indices .* is \[3, 3\] of int64"),
    "one positional input": (batch(inputs=X), r"inputs must be a dict by modality; .* is \[3, 4\]"),
    "an input as a list": (batch(inputs={"a": [X]}), "inputs of a must be a tensor .* is a list"),
    "too few samples": (batch(inputs={"a": X[:2]}), r"inputs of a .* N = 3 .* is \[2, 4\]"),
    "a class too high": (batch(target=LABELS + 1), "has class 3; .*num_classes is 3, .*: 0 to 2"),
    "a class too low": (batch(target=LABELS - 1), "has class -1;"),
}


@pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG)
def test_a_batch_that_is_none_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_batch(given, CLASSIFIER)


def test_batches_of_classes_and_of_scores_pass() -> None:
    for given, module in ((batch(), CLASSIFIER), (batch(target=torch.ones(3)), SCORER)):
        assert check_batch(given, module) is given


def test_classes_of_later_tasks_are_classes() -> None:
    check_batch(batch(), SimpleNamespace(num_classes=2, total_classes=4))
