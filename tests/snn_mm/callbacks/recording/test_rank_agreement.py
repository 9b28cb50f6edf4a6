import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from snn_mm.callbacks.recording import rank_agreement
from snn_mm.callbacks.recording.rank_agreement import (
    RankAgreement,
    ValidationAgreement,
    check_end,
    check_even,
)
from snn_mm.errors import UserError


class Peers:
    """A trainer of two ranks, of which the other one answers what it is told to."""

    world_size, global_rank = 2, 0

    def __init__(self, answer: list[float], **facts: Any) -> None:
        self.answer, self.asked = torch.tensor(answer), 0
        self.strategy = SimpleNamespace(root_device=torch.device("cpu"), reduce=self.reduce)
        self.__dict__.update(facts)

    def reduce(self, own: Tensor, reduce_op: str) -> Tensor:
        self.asked += 1
        return torch.maximum(own, self.answer) if reduce_op == "max" else own + self.answer


def test_the_wish_of_any_rank_is_that_of_all() -> None:
    ranks: Any = RankAgreement()
    assert ranks.ask(Peers([1.0, 1.0]), 1, wish=False)
    ranks.begin(0)
    assert not ranks.ask(Peers([0.0, 1.0]), 1, wish=False)
    ranks.begin(0)
    assert ranks.ask(Peers([0.0, 1.0]), 1, wish=True)


def test_until_the_agreed_batch_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 1.0, 6.0, 6.0])
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: next(now))
    ranks: Any = RankAgreement()
    trainer = Peers([0.0, 3.0])  # the other one is slower: it would ask again after 3 batches
    ranks.ask(trainer, 2, wish=False)  # 2 batches in a second are 10 in five
    for batch in range(3, 12):
        assert not ranks.ask(trainer, batch, wish=True)
    assert trainer.asked == 1
    assert ranks.ask(trainer, 12, wish=True)


@pytest.mark.parametrize(("batches", "asked"), [([2, 4], 2), ([4, math.inf], 0)])
def test_amid_a_validation_ranks_are_asked_while_all_have_batches(
    batches: list[float], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_agreement, "from_ranks", lambda trainer, own: batches)
    ranks, trainer = ValidationAgreement(), Peers([1.0, 1.0], num_val_batches=[4])
    ranks.begin_validation(cast("Any", trainer))
    monkeypatch.setattr(ranks, "ask", lambda _, batch, wish: trainer.reduce(trainer.answer, "max"))
    for _ in range(4):
        ranks.ask_after_batch(cast("Any", trainer), wish=False)
    assert trainer.asked == asked


def test_ranks_with_different_numbers_of_batches_are_refused_by_number() -> None:
    even: Any = Peers([0.0, 5.0], num_training_batches=5)
    check_even(even)
    uneven: Any = Peers([0.0, 4.0], num_training_batches=5)
    with pytest.raises(UserError, match="rank 0 5, rank 1 4"):
        check_even(uneven)
    streams: Any = Peers([0.0, math.inf], num_training_batches=math.inf)
    check_even(streams)


@pytest.mark.parametrize(("other", "own", "fails"), [(0, 1, True), (1, 1, False), (1, 0, True)])
def test_a_stream_that_ends_on_one_rank_is_refused(other: float, own: bool, fails: bool) -> None:
    trainer: Any = Peers(
        [],
        num_training_batches=math.inf,
        is_last_batch=own,
        fit_loop=SimpleNamespace(batch_idx=3),
    )
    trainer.answer = torch.tensor(float(other))
    if not fails:
        check_end(trainer)
        return
    with pytest.raises(UserError, match="1 of 2 ranks have no training batch after batch 4"):
        check_end(trainer)
