"""A batch that is none is refused by the key that is wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from snn_mm.errors import UserError
from snn_mm.modules.data_check import check_batch, check_silent_ranks

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


def ranks(told: bool, synchronised: bool = False, world: int = 2, **ddp: Any) -> Any:
    """What a trainer of several ranks says of itself."""
    strategy = SimpleNamespace(_layer_sync=object() if synchronised else None, _ddp_kwargs=ddp)
    told = SimpleNamespace(lacks_modalities=told)
    options = {"datamodule": None, "callbacks": [told], "training": True}
    return SimpleNamespace(strategy=strategy, world_size=world, **options)


class Network(nn.Module):
    num_classes, modalities, _trainer = 3, ("a", "b"), None


def silent(**present: list[bool]) -> Any:
    return batch(present={name: torch.tensor(mask) for name, mask in present.items()})


def test_norms_over_ranks_are_refused_where_a_rank_may_have_nothing_to_give() -> None:
    """Its layers are not called: the others would wait in the collective of the norm for ever."""
    own, plain = Network(), Network()
    own.norm = nn.SyncBatchNorm(4)
    for model, trainer in ((own, ranks(True)), (plain, ranks(True, synchronised=True))):
        with pytest.raises(UserError, match=r"sync_batchnorm: a rank .*\naccepted: ordinary batch"):
            check_silent_ranks(trainer, model)
    for trainer in (ranks(False, synchronised=True), ranks(True, synchronised=True, world=1)):
        check_silent_ranks(trainer, plain)
    check_silent_ranks(ranks(True), plain)


@pytest.mark.parametrize(
    "trainer",
    [ranks(False), ranks(False, synchronised=True, find_unused_parameters=True)],
    ids=["gradients", "norms"],
)
def test_several_ranks_are_told_of_modalities_that_a_batch_may_lack_altogether(
    trainer: Any,
) -> None:
    module = Network()
    module._trainer = trainer
    for mask in ([True] * 3, [False, True, False]):
        check_batch(silent(a=mask), module)
    with pytest.raises(
        UserError, match=r"no sample of a batch has a, .*\n.*lacks_modalities = True"
    ):
        check_batch(silent(a=[False] * 3), module)
    for harmless in (ranks(True), ranks(False, world=1), ranks(False, find_unused_parameters=True)):
        module._trainer = harmless
        check_batch(silent(a=[False] * 3), module)


def test_a_module_looks_at_it_before_it_trains(make_module: Any) -> None:
    module = make_module()
    module._trainer = ranks(True, synchronised=True)
    with pytest.raises(UserError, match=r"sync_batchnorm"):
        module.setup("fit")
    module.setup("test")
