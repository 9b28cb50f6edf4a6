"""Modality dropout: who is absent when, and that training sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from snn_mm.callbacks import IEMF, ModalityDropout
from snn_mm.callbacks.modulation.modality_dropout import drop
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.modules import IEMFModule

MakeBatch = Callable[..., Batch]
THREE = {"audio": 3, "visual": 5, "touch": 2}
Seen = dict[tuple[int, str], tuple[bool, ...]]


class Watch(Callback):
    """Keeps who was there: by epoch and id, whether each modality was; and by step."""

    def __init__(self) -> None:
        self.seen: Seen = {}
        self.steps: dict[int, set[tuple[bool, ...]]] = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        names = pl_module.modalities
        everyone = torch.ones(len(batch["id"]), dtype=torch.bool)
        masks = [batch.get("present", {}).get(name, everyone).tolist() for name in names]  # type: ignore[union-attr]
        for place, there in zip(batch["id"], zip(*masks, strict=True), strict=True):
            self.seen[trainer.current_epoch, place] = there
            # The optimizer has stepped by now.
            self.steps.setdefault((batch_idx // trainer.accumulate_grad_batches), set()).add(there)


def cut(batch: Batch, sizes: list[int]) -> list[Batch]:
    """The same samples in batches of other sizes."""
    ends = torch.tensor(sizes).cumsum(0).tolist()
    return [
        Batch(
            inputs={name: x[end - size : end] for name, x in batch["inputs"].items()},
            target=batch["target"][end - size : end],
            id=batch["id"][end - size : end],
        )
        for size, end in zip(sizes, ends, strict=True)
    ]


def test_each_sample_loses_modalities_by_epoch_and_id_whatever_the_batches(
    fit: Any, make_batch: MakeBatch
) -> None:
    whole, runs = make_batch(24, THREE), []
    for sizes in ([24], [5, 12, 7], [1] * 24):
        watch = Watch()
        dropout = ModalityDropout({"audio": 0.5, "touch": 0.7}, seed=3)
        fit(cut(whole, sizes), dropout, watch, max_epochs=3, lr=0.1, module={"dims": THREE})
        runs.append(watch.seen)
    assert runs[0] == runs[1] == runs[2]
    audio, visual, touch = zip(*runs[0].values(), strict=True)
    assert all(visual)  # its probability is 0
    assert 0.35 < sum(audio) / 72 < 0.65
    assert 0.15 < sum(touch) / 72 < 0.45
    assert [runs[0][0, i] for i in whole["id"]] != [runs[0][1, i] for i in whole["id"]]


def test_a_batch_loses_at_once_what_its_optimizer_step_draws(
    fit: Any, make_batch: MakeBatch
) -> None:
    watch, batches = Watch(), cut(make_batch(24, THREE), [4] * 6)
    dropout = ModalityDropout(0.5, per="batch", seed=1)
    options = {"accumulate_grad_batches": 2, "module": {"dims": THREE}, "lr": 0.1}
    fit(batches, dropout, watch, **options)
    assert [len(kept) for kept in watch.steps.values()] == [1, 1, 1]
    assert len(set().union(*watch.steps.values())) > 1


def test_absent_is_what_the_training_sees(fit: Any, make_batch: MakeBatch) -> None:
    batch = make_batch(16)
    audio = fit([batch], ModalityDropout({"audio": 1.0}, seed=0))
    start = fit([batch], lr=0.0)
    moved = {
        name: any(
            not torch.equal(a, b)
            for a, b in zip(
                audio.modality_parameters(name), start.modality_parameters(name), strict=True
            )
        )
        for name in ("audio", "visual")
    }
    assert moved == {"audio": False, "visual": True}
    told = {**batch, "present": {"audio": torch.zeros(16, dtype=torch.bool)}}
    masked = fit([told])
    assert all(
        torch.equal(a, b) for a, b in zip(audio.parameters(), masked.parameters(), strict=True)
    )


def test_it_acts_in_its_window_with_a_rising_probability(fit: Any, make_batch: MakeBatch) -> None:
    watch, batch = Watch(), make_batch(400)
    dropout = ModalityDropout(0.8, ramp_epochs=2, start_epoch=1, end_epoch=3, seed=0)
    fit([batch], dropout, watch, max_epochs=5, lr=0.1)
    lost = [
        sum(not all(watch.seen[epoch, name]) for name in batch["id"]) / 400 for epoch in range(5)
    ]
    assert lost[0] == lost[1] == lost[4] == 0
    # One of two is lost by 2p(1 - p) / (1 - p²) = 2p / (1 + p) of the samples.
    assert lost[2:4] == pytest.approx([0.8 / 1.4, 1.6 / 1.8], abs=0.08)
    assert dropout.factors == {"p_audio": 0.8, "p_visual": 0.8}


def test_validation_sees_every_modality(fit: Any, make_batch: MakeBatch) -> None:
    class Validation(Callback):
        def on_validation_batch_end(self, *given: Any, **others: Any) -> None:
            assert "present" not in given[3]

    batch = make_batch(8)
    fit([batch], ModalityDropout(0.9), Validation(), validation=[batch], lr=0.1)


def test_a_resumed_training_draws_what_the_whole_one_did(
    fit: Any, make_batch: MakeBatch, tmp_path: Path
) -> None:
    batches = cut(make_batch(12), [6, 6])
    whole, last = Watch(), tmp_path / "last.ckpt"
    expected = fit(batches, ModalityDropout(0.5, seed=2), IEMF(), whole, max_epochs=4, lr=0.1)
    first, second = Watch(), Watch()
    trainer: dict[str, Any] = {"max_epochs": 2, "lr": 0.1, "enable_checkpointing": True}

    class Keep(Callback):
        def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            trainer.save_checkpoint(last)

    fit(batches, ModalityDropout(0.5, seed=2), IEMF(), first, Keep(), **trainer)
    resumed = fit(
        batches, ModalityDropout(0.5, seed=2), IEMF(), second, max_epochs=4, lr=0.1, resume=last
    )
    assert {**first.seen, **second.seen} == whole.seen
    for a, b in zip(expected.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_what_is_absent_already_stays_so_and_nobody_is_left_without() -> None:
    there = torch.tensor([True, False, True, False])
    batch = Batch(
        inputs={},
        target=torch.zeros(4),
        id=list("abcd"),
        present={"audio": there},
        lengths={"audio": torch.tensor([3, 0, 2, 0]), "visual": torch.tensor([1, 2, 3, 4])},
    )
    before = {name: x.clone() for name, x in batch["lengths"].items()}
    kept = batch["lengths"]
    drop(batch, {"audio": 0.9, "visual": 0.9}, [(i,) for i in range(4)])
    present = batch["present"]
    assert not (present["audio"] & ~there).any()
    assert (present["audio"] | present["visual"]).all()
    assert present["visual"][1]
    assert present["visual"][3]
    for name, mask in present.items():
        assert torch.equal(batch["lengths"][name], before[name] * mask)
    assert all(torch.equal(kept[name], before[name]) for name in before)  # replaced, not changed
    assert not all(mask.all() for mask in present.values())


def test_a_batch_that_loses_nothing_is_left_as_it_is() -> None:
    batch = Batch(inputs={}, target=torch.zeros(2), id=["a", "b"])
    drop(batch, {"audio": 0.0, "visual": 0.0}, [(0,), (1,)])
    assert set(batch) == {"inputs", "target", "id"}


def test_what_cannot_be_dropped_is_refused(make_module: Callable[..., IEMFModule]) -> None:
    def refused(module: object, match: str, **options: Any) -> None:
        with pytest.raises(UserError, match=match):
            ModalityDropout(**options).setup(None, module, "fit")  # type: ignore[arg-type]

    refused(make_module(dims={"audio": 3}), "at least 2 modalities; the model has audio alone")
    refused(
        make_module(), "model has no smell; accepted: audio, visual", probability={"smell": 0.1}
    )
    refused(make_module(), "every modality would always be lost", probability=1.0)
    with pytest.raises(UserError, match=r"ModalityDropout.probability audio is 1.5"):
        ModalityDropout({"audio": 1.5})
    with pytest.raises(UserError, match=r"per is 'epoch'; accepted: sample, batch"):
        ModalityDropout(per="epoch")  # type: ignore[arg-type]


def test_ranks_are_told_that_parameters_may_have_no_gradient(
    make_module: Callable[..., IEMFModule], make_trainer: Any, make_batch: MakeBatch
) -> None:
    found = []

    class Ask(Callback):
        def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            found.append(pl_module.skips_parameters())

    for callbacks in ([], [ModalityDropout()]):
        loader = DataLoader([make_batch(4)], batch_size=None)  # type: ignore[arg-type]
        make_trainer(*callbacks, Ask(), max_epochs=1).fit(make_module(joint_weight=1.0), loader)
    assert found == [False, True]
